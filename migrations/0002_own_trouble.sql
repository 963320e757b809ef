-- Trouble of our own that people are told about: sources that fell silent, effects that were given up.

ALTER TABLE source_state ADD COLUMN heard_polls BIGINT NOT NULL DEFAULT 0;       -- polls that brought anything
ALTER TABLE source_state ADD COLUMN usual_empty_polls BIGINT NOT NULL DEFAULT 0; -- most empty polls in a row that are usual for it
ALTER TABLE source_state ADD COLUMN silent_since BIGINT;                         -- last item before it fell silent for longer than usual

ALTER TABLE effect ADD COLUMN announced BIGINT NOT NULL DEFAULT 0; -- 1 once people were told over another channel that it is dead
CREATE INDEX effect_unannounced ON effect (target) WHERE state = 'dead' AND announced = 0;
