//! How bad it is for the customer. Reach plays no part: zero followers never make a fire smaller.

use super::lexicon::{Found, Lexicon};
use super::reading::Reading;
use super::{Class, Severity};

/// The severity of a text, and the words that show it. `lists` holds each word list with what it found.
///
/// Critical cues count whatever the class is: a journalist who asks is not complaining. The milder ones only qualify a
/// complaint.
pub(super) fn judge(
    reading: &Reading,
    class: Class,
    lists: &[(&Lexicon, &[Found])],
) -> (Severity, Vec<String>) {
    let base = match class {
        Class::Complaint | Class::Unknown => Severity::Normal,
        Class::Question | Class::Praise | Class::Other => Severity::Low,
    };
    let mut shown: Vec<(Severity, String)> = Vec::new();
    let mut fails = false;
    for (lexicon, found) in lists {
        for cue in *found {
            let group = &lexicon.groups[cue.group];
            let turned = cue.negated && group.negated.is_some();
            match group.severity.filter(|_| !turned) {
                Some(severity) if severity == Severity::Critical || class == Class::Complaint => {
                    let words = reading.words(cue.tokens.0, cue.tokens.1);
                    shown.push((severity, format!("{}: {words}", group.name)));
                }
                Some(_) => {}
                None => fails |= !turned && group.class == Some(Class::Complaint) && group.weight > 1.0,
            }
        }
    }
    let worst =
        shown.iter().map(|(severity, _)| *severity).filter(|severity| *severity > Severity::Normal).max();
    let only_irritation =
        class == Class::Complaint && !fails && shown.iter().any(|(severity, _)| *severity == Severity::Low);
    let severity = worst.unwrap_or(if only_irritation { Severity::Low } else { base });
    let mut evidence: Vec<String> = Vec::new();
    for (_, reason) in shown.into_iter().filter(|(s, _)| *s == severity && worst.is_some()) {
        if !evidence.contains(&reason) {
            evidence.push(reason);
        }
    }
    (severity, evidence)
}

#[cfg(test)]
mod tests {
    use super::super::lexicon;
    use super::*;

    fn severity(language: &str, class: Class, text: &str) -> Severity {
        let lexicon = lexicon::of_language(language).unwrap();
        let reading = Reading::of(text);
        let found = lexicon.find(&reading);
        judge(&reading, class, &[(lexicon, &found)]).0
    }

    #[test]
    fn safety_law_press_self_harm_and_emergency_numbers_are_critical() {
        for (language, text) in [
            ("nl", "Er komt rook uit het kastje"),
            ("nl", "Mijn vader kon vannacht 112 niet bellen"),
            ("nl", "kreeg 112 niet te pakken"),
            ("nl", "De volgende brief komt van mijn advocaat"),
            ("nl", "Ik heb het gemeld bij de ACM"),
            ("nl", "Voor onze uitzending zoeken we klanten"),
            ("nl", "Ik wil niet meer leven"),
            ("nl", "De monteur sneed de gasleiding door, er hing een gaslucht"),
            ("en", "The adapter melted and there was a burning smell"),
            ("en", "We couldn't reach 911 because the line was dead"),
            ("en", "You will hear from my lawyer"),
            ("en", "I'm a journalist and I would like a reaction"),
            ("en", "I want to kill myself over this"),
            ("en", "I got an electric shock from the socket"),
        ] {
            assert_eq!(severity(language, Class::Complaint, text), Severity::Critical, "{text}");
        }
        assert_eq!(severity("nl", Class::Other, "Oproep voor onze uitzending"), Severity::Critical);
    }

    #[test]
    fn figures_of_speech_are_not_critical() {
        for (language, text) in [
            ("nl", "Dodelijk saai, die wachtmuziek, ik lach me dood"),
            ("nl", "Bel 112 alleen bij spoed, geen spoed bel niet 112"),
            ("nl", "Kaas smelt op de tong"),
            ("nl", "Kaart kun je afrekenen bij kassa 3"),
            ("nl", "Doe niet alsof je de advocaat van de duivel bent"),
            ("en", "The team is on fire tonight, great goal"),
            ("en", "This melted my heart"),
            ("en", "Dead battery, killing it at work, court side seats"),
            ("en", "Commercial suicide, that price increase"),
        ] {
            assert_ne!(severity(language, Class::Complaint, text), Severity::Critical, "{text}");
        }
    }

    #[test]
    fn money_long_waits_repeats_and_dependent_people_are_high() {
        for (language, text) in [
            ("nl", "Er is twee keer afgeschreven"),
            ("nl", "Al zes weken geen internet"),
            ("nl", "Voor de derde keer niemand gekomen"),
            ("nl", "Mijn oma zit zonder telefoon en heeft een alarmknop"),
            ("en", "You charged me twice"),
            ("en", "No internet for five weeks"),
            ("en", "For the third time nobody came"),
            ("en", "My grandmother cannot call anyone"),
        ] {
            assert_eq!(severity(language, Class::Complaint, text), Severity::High, "{text}");
        }
    }

    #[test]
    fn the_rest_is_normal_and_what_only_irritates_is_low() {
        assert_eq!(severity("nl", Class::Complaint, "De app werkt niet"), Severity::Normal);
        assert_eq!(severity("nl", Class::Complaint, "Beetje slordig, die spelfout in de app"), Severity::Low);
        assert_eq!(severity("en", Class::Question, "How do I log in?"), Severity::Low);
        assert_eq!(severity("nl", Class::Unknown, "xyz"), Severity::Normal);
    }
}
