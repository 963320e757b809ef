//! What was said: mentions, their revisions, authors, quarantine and tombstones.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, ensure};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;

use super::db::{ROWS_MAX, bind_double, insertion, list, ours};
use super::{Store, Tx, get, get_flag, get_json, get_name, get_time, get_time_maybe, json, millis};
use crate::ids;
use crate::mention::{Author, Engagement, Mention, MentionKind, Rating, StoredMention, hex};

/// Rows per multi-row statement: 16 columns stay under SQLite's 32,766 variables with room to spare.
/// After this many failures of the pipeline a mention is parked for a person.
pub const TROUBLE_MAX: i64 = 3;

/// One page of a source, cleaned and ready to be stored.
#[derive(Clone, Debug, Default)]
pub struct IncomingPage {
    /// Statements, in the order of the page. The flag says that one of our own accounts said it.
    pub mentions: Vec<(Mention, bool)>,
    /// External ids that the source says are gone.
    pub removed: Vec<String>,
    /// Items that could not be understood: raw bytes and reason.
    pub quarantined: Vec<(Vec<u8>, String)>,
    /// Came with a first poll.
    pub backfill: bool,
}

/// A mention that the pipeline failed on too often, and that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedMention {
    /// Its id.
    pub id: String,
    /// Configured name of its source.
    pub source: String,
    /// When it was stored.
    pub seen_at: Timestamp,
}

/// What storing a page did, for conservation: everything that came in is counted in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// New mentions.
    pub new: usize,
    /// New revisions of known mentions.
    pub edited: usize,
    /// Known already.
    pub repeated: usize,
    /// Put aside as raw bytes.
    pub quarantined: usize,
    /// Removed at the source.
    pub removed: usize,
    /// Dropped because a tombstone stands for them.
    pub buried: usize,
}

impl Stored {
    /// Adds another page's counts.
    pub fn add(&mut self, other: &Stored) {
        self.new += other.new;
        self.edited += other.edited;
        self.repeated += other.repeated;
        self.quarantined += other.quarantined;
        self.removed += other.removed;
        self.buried += other.buried;
    }
}

impl Store {
    /// Stores a page: mentions, revisions, removals and quarantine. The caller moves the cursor in the same transaction.
    pub async fn save_page(&self, tx: &mut Tx, source: &str, page: &IncomingPage) -> anyhow::Result<Stored> {
        let now = self.clock().now();
        let mut stored = Stored::default();
        let buried =
            self.buried(tx, source, page.mentions.iter().map(|(m, _)| m.external_id.as_str())).await?;
        let living: Vec<&(Mention, bool)> = page
            .mentions
            .iter()
            .filter(|(mention, _)| !buried.contains(mention.external_id.as_str()))
            .collect();
        stored.buried = page.mentions.len() - living.len();
        if !living.is_empty() {
            let authors = self.save_authors(tx, source, &living, now).await?;
            self.save_mentions(tx, source, &living, &authors, page.backfill, now, &mut stored).await?;
        }
        for (raw, reason) in &page.quarantined {
            match self.quarantine(tx, source, raw, reason, now).await? {
                true => stored.quarantined += 1,
                false => stored.repeated += 1,
            }
        }
        for external_id in &page.removed {
            stored.removed += usize::from(self.bury(tx, source, external_id, now).await?);
        }
        Ok(stored)
    }

    async fn save_authors(
        &self,
        tx: &mut Tx,
        source: &str,
        mentions: &[&(Mention, bool)],
        now: Timestamp,
    ) -> anyhow::Result<HashMap<String, String>> {
        // The last word on a page wins; one statement may not touch a row twice on PostgreSQL.
        let latest: HashMap<&str, &Author> = mentions
            .iter()
            .map(|(mention, _)| (mention.author.external_id.as_str(), &mention.author))
            .collect();
        let mut authors: Vec<&Author> = latest.into_values().collect();
        authors.sort_by(|a, b| a.external_id.cmp(&b.external_id));
        let mut ids_by_external = HashMap::with_capacity(authors.len());
        for chunk in authors.chunks(ROWS_MAX) {
            let query = insertion(
                tx.engine,
                "author (id, source, external_id, handle, display_name, audience, seen_at)",
                "ON CONFLICT (source, external_id) DO UPDATE SET handle = COALESCE(excluded.handle, author.handle), \
                 display_name = COALESCE(excluded.display_name, author.display_name), \
                 audience = COALESCE(excluded.audience, author.audience), seen_at = excluded.seen_at \
                 RETURNING id, external_id",
                chunk,
                |query, author| {
                    query
                        .bind(ids::new_id(now))
                        .bind(source.to_owned())
                        .bind(author.external_id.clone())
                        .bind(author.handle.clone())
                        .bind(author.display_name.clone())
                        .bind(author.audience.map(|n| n.min(i64::MAX as u64) as i64))
                        .bind(now.as_millisecond())
                },
            );
            for row in query.fetch_all(&mut *tx.tx).await? {
                ids_by_external.insert(get(&row, "external_id")?, get(&row, "id")?);
            }
        }
        Ok(ids_by_external)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one private step of save_page, split off to fit on a screen"
    )]
    async fn save_mentions(
        &self,
        tx: &mut Tx,
        source: &str,
        mentions: &[&(Mention, bool)],
        authors: &HashMap<String, String>,
        backfill: bool,
        now: Timestamp,
        stored: &mut Stored,
    ) -> anyhow::Result<()> {
        let mut known = self.known(tx, source, mentions.iter().map(|(m, _)| m.external_id.as_str())).await?;
        let mut fresh: Vec<FreshMention> = Vec::new();
        let mut revisions: Vec<(String, i64, String, Mention)> = Vec::new();
        let mut edited: HashMap<String, i64> = HashMap::new();
        for (mention, own_voice) in mentions {
            let author_id =
                authors.get(&mention.author.external_id).context("an author was just stored")?.clone();
            let hash = mention.content_hash();
            match known.get_mut(&mention.external_id) {
                Some(row) if row.hashes.contains(&hash) || row.removed => stored.repeated += 1,
                Some(row) => {
                    let mut mention = mention.clone();
                    if row.author_id != author_id {
                        mention.flags.push(crate::mention::Flag::IdReuse);
                    }
                    row.revision += 1;
                    row.hashes.insert(hash.clone());
                    revisions.push((row.id.clone(), row.revision, hash, mention));
                    edited.insert(row.id.clone(), row.revision);
                    stored.edited += 1;
                }
                None => {
                    let id = ids::new_id(now);
                    known.insert(mention.external_id.clone(), KnownMention::first(&id, &author_id, &hash));
                    revisions.push((id.clone(), 1, hash, mention.clone()));
                    fresh.push(FreshMention {
                        id,
                        author_id,
                        own_voice: *own_voice,
                        mention: mention.clone(),
                    });
                    stored.new += 1;
                }
            }
        }
        self.insert_mentions(tx, source, &fresh, backfill, now).await?;
        self.insert_revisions(tx, &revisions, now).await?;
        for (id, revision) in edited {
            sqlx::query("UPDATE mention SET revision = $1, waiting = 1, trouble = 0 WHERE id = $2")
                .bind(revision)
                .bind(id)
                .execute(&mut *tx.tx)
                .await?;
        }
        Ok(())
    }

    async fn insert_mentions(
        &self,
        tx: &mut Tx,
        source: &str,
        fresh: &[FreshMention],
        backfill: bool,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        for chunk in fresh.chunks(ROWS_MAX) {
            let query = insertion(
                tx.engine,
                "mention (id, source, external_id, kind, author_id, url, reply_to, published_at, seen_at, \
                 revision, decided, waiting, trouble, backfill, own_voice)",
                "ON CONFLICT (source, external_id) DO NOTHING",
                chunk,
                |query, FreshMention { id, author_id, own_voice, mention }| {
                    // Two revisions of one new mention in one page: the second has already raised the number in `edited`.
                    query
                        .bind(id.clone())
                        .bind(source.to_owned())
                        .bind(mention.external_id.clone())
                        .bind(mention.kind.name())
                        .bind(author_id.clone())
                        .bind(mention.url.clone())
                        .bind(mention.reply_to.clone())
                        .bind(millis(mention.published_at))
                        .bind(now.as_millisecond())
                        .bind(1_i64)
                        .bind(0_i64)
                        .bind(1_i64)
                        .bind(0_i64)
                        .bind(backfill as i64)
                        .bind(*own_voice as i64)
                },
            );
            let inserted = query.execute(&mut *tx.tx).await?.rows_affected();
            ensure!(
                inserted as usize == chunk.len(),
                "another writer stored mentions of {source} at the same moment; trying again"
            );
        }
        Ok(())
    }

    async fn insert_revisions(
        &self,
        tx: &mut Tx,
        revisions: &[(String, i64, String, Mention)],
        now: Timestamp,
    ) -> anyhow::Result<()> {
        tx.insert(
            "mention_revision (mention_id, revision, content_hash, title, text, language, rating, \
                 rating_best, likes, shares, replies, reference, has_media, flags, edited_at, seen_at)",
            "",
            revisions,
            |mut query, (mention_id, revision, hash, mention)| {
                query = query
                    .bind(mention_id.clone())
                    .bind(*revision)
                    .bind(hash.clone())
                    .bind(mention.title.clone())
                    .bind(mention.text.clone())
                    .bind(mention.language_hint.clone());
                query = bind_double(query, mention.rating.map(|rating| rating.value));
                query = bind_double(query, mention.rating.map(|rating| rating.best));
                query
                    .bind(mention.engagement.likes.min(i64::MAX as u64) as i64)
                    .bind(mention.engagement.shares.min(i64::MAX as u64) as i64)
                    .bind(mention.engagement.replies.min(i64::MAX as u64) as i64)
                    .bind(mention.reference.clone())
                    .bind(mention.has_media as i64)
                    .bind(json(&mention.flags))
                    .bind(millis(mention.edited_at))
                    .bind(now.as_millisecond())
            },
        )
        .await?;
        Ok(())
    }

    async fn known(
        &self,
        tx: &mut Tx,
        source: &str,
        external_ids: impl Iterator<Item = &str>,
    ) -> anyhow::Result<HashMap<String, KnownMention>> {
        let wanted: Vec<&str> = external_ids.collect();
        let mut known = HashMap::new();
        for chunk in wanted.chunks(ROWS_MAX) {
            let sql = format!(
                "SELECT m.id, m.external_id, m.author_id, m.revision, m.removed_at, r.content_hash FROM mention m \
                 JOIN mention_revision r ON r.mention_id = m.id WHERE m.external_id IN ({}) AND m.source = {}",
                list(tx.engine, chunk.len()),
                match tx.engine {
                    super::Engine::Sqlite => "?".to_owned(),
                    super::Engine::Postgres => format!("${}", chunk.len() + 1),
                }
            );
            let mut query = sqlx::query(ours(sql));
            for external_id in chunk {
                query = query.bind(external_id.to_string());
            }
            for row in query.bind(source.to_owned()).fetch_all(&mut *tx.tx).await? {
                let entry = known.entry(get::<String, _>(&row, "external_id")?).or_insert(KnownMention {
                    id: get(&row, "id")?,
                    author_id: get(&row, "author_id")?,
                    revision: get(&row, "revision")?,
                    removed: get::<Option<i64>, _>(&row, "removed_at")?.is_some(),
                    hashes: HashSet::new(),
                });
                entry.hashes.insert(get(&row, "content_hash")?);
            }
        }
        Ok(known)
    }

    /// Puts an item aside. False when it stands there already.
    async fn quarantine(
        &self,
        tx: &mut Tx,
        source: &str,
        raw: &[u8],
        reason: &str,
        now: Timestamp,
    ) -> anyhow::Result<bool> {
        let inserted = sqlx::query(
            "INSERT INTO quarantine (id, source, raw_hash, raw, reason, seen_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (source, raw_hash) DO NOTHING",
        )
        .bind(ids::new_id(now))
        .bind(source)
        .bind(hex(&Sha256::digest(raw)))
        .bind(hex(raw))
        .bind(reason)
        .bind(now.as_millisecond())
        .execute(&mut *tx.tx)
        .await?
        .rows_affected();
        Ok(inserted == 1)
    }

    /// Those of `external_ids` that a tombstone stands for.
    async fn buried<'a>(
        &self,
        tx: &mut Tx,
        source: &str,
        external_ids: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<HashSet<&'a str>> {
        let by_hash: HashMap<String, &str> =
            external_ids.map(|external_id| (self.tombstone_hash(source, external_id), external_id)).collect();
        let hashes: Vec<&String> = by_hash.keys().collect();
        let mut buried = HashSet::new();
        for chunk in hashes.chunks(ROWS_MAX) {
            let sql =
                format!("SELECT id_hash FROM tombstone WHERE id_hash IN ({})", list(tx.engine, chunk.len()));
            let mut query = sqlx::query(ours(sql));
            for hash in chunk {
                query = query.bind(hash.to_string());
            }
            for row in query.fetch_all(&mut *tx.tx).await? {
                buried.extend(by_hash.get(&get::<String, _>(&row, "id_hash")?).copied());
            }
        }
        Ok(buried)
    }

    /// Removes the words of a mention because its source did, and keeps a tombstone against late pages.
    /// True when there was something to remove.
    pub async fn bury(
        &self,
        tx: &mut Tx,
        source: &str,
        external_id: &str,
        now: Timestamp,
    ) -> anyhow::Result<bool> {
        sqlx::query("INSERT INTO tombstone (source, id_hash, at) VALUES ($1, $2, $3) ON CONFLICT (source, id_hash) DO NOTHING")
            .bind(source)
            .bind(self.tombstone_hash(source, external_id))
            .bind(now.as_millisecond())
            .execute(&mut *tx.tx)
            .await?;
        let row = sqlx::query(
            "UPDATE mention SET removed_at = $1, waiting = 0, url = NULL WHERE source = $2 AND external_id = $3 AND removed_at IS NULL \
             RETURNING id, author_id",
        )
        .bind(now.as_millisecond())
        .bind(source)
        .bind(external_id)
        .fetch_optional(&mut *tx.tx)
        .await?;
        let Some(row) = row else { return Ok(false) };
        let (id, author_id): (String, String) = (get(&row, "id")?, get(&row, "author_id")?);
        sqlx::query(
            "UPDATE mention_revision SET text = '', title = NULL, reference = NULL WHERE mention_id = $1",
        )
        .bind(&id)
        .execute(&mut *tx.tx)
        .await?;
        sqlx::query(
            "UPDATE author SET handle = NULL, display_name = NULL WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM mention WHERE author_id = $1 AND removed_at IS NULL)",
        )
        .bind(&author_id)
        .execute(&mut *tx.tx)
        .await?;
        // What is frozen but not sent holds the words too; it is rendered anew, and then says that they were removed.
        sqlx::query("UPDATE effect SET frozen = NULL WHERE open = 1 AND cause IN (SELECT id FROM alert WHERE mention_id = $1)")
            .bind(&id)
            .execute(&mut *tx.tx)
            .await?;
        Ok(true)
    }

    fn tombstone_hash(&self, source: &str, external_id: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(source.as_bytes());
        mac.update(&[0]);
        mac.update(external_id.as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// The next mentions without a decision for their current revision, oldest first.
    pub async fn waiting_mentions(&self, limit: i64) -> anyhow::Result<Vec<StoredMention>> {
        let rows = sqlx::query(ours(format!(
            "{SELECT_MENTION} WHERE m.waiting = 1 AND m.trouble < $1 ORDER BY m.seen_at LIMIT $2"
        )))
        .bind(TROUBLE_MAX)
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(stored_mention).collect()
    }

    /// One mention by our id.
    pub async fn mention(&self, id: &str) -> anyhow::Result<Option<StoredMention>> {
        let row = sqlx::query(ours(format!("{SELECT_MENTION} WHERE m.id = $1")))
            .bind(id)
            .fetch_optional(self.db.read())
            .await?;
        row.as_ref().map(stored_mention).transpose()
    }

    /// One mention by anything a person might paste: our id, the source's id, or its link.
    pub async fn find_mention(&self, pasted: &str) -> anyhow::Result<Option<StoredMention>> {
        let row = sqlx::query(ours(format!(
            "{SELECT_MENTION} WHERE m.id = $1 OR m.external_id = $1 OR m.url = $1 LIMIT 1"
        )))
        .bind(pasted)
        .fetch_optional(self.db.read())
        .await?;
        row.as_ref().map(stored_mention).transpose()
    }

    /// The mentions that `replies` answer, by (source, external id), as far as we have them.
    pub async fn parents(
        &self,
        replies: &[StoredMention],
    ) -> anyhow::Result<HashMap<(String, String), StoredMention>> {
        let wanted: Vec<&str> = replies.iter().filter_map(|m| m.mention.reply_to.as_deref()).collect();
        let mut parents = HashMap::new();
        for chunk in wanted.chunks(ROWS_MAX) {
            let sql =
                format!("{SELECT_MENTION} WHERE m.external_id IN ({})", list(self.db.engine, chunk.len()));
            let mut query = sqlx::query(ours(sql));
            for external_id in chunk {
                query = query.bind(external_id.to_string());
            }
            for row in query.fetch_all(self.db.read()).await? {
                let parent = stored_mention(&row)?;
                parents.insert((parent.source.clone(), parent.mention.external_id.clone()), parent);
            }
        }
        Ok(parents)
    }

    /// Counts a failure of the pipeline on a mention, and returns how many it has had. At [`TROUBLE_MAX`] it is parked: no
    /// longer handed out.
    pub async fn note_trouble(&self, mention_id: &str) -> anyhow::Result<i64> {
        let row = sqlx::query("UPDATE mention SET trouble = trouble + 1 WHERE id = $1 RETURNING trouble")
            .bind(mention_id)
            .fetch_optional(self.db.write())
            .await?;
        row.map_or(Ok(0), |row| get(&row, "trouble"))
    }

    /// The mentions that are parked, the oldest first.
    pub async fn parked_mentions(&self, limit: i64) -> anyhow::Result<Vec<ParkedMention>> {
        let rows = sqlx::query(
            "SELECT id, source, seen_at FROM mention WHERE waiting = 1 AND trouble >= $1 ORDER BY seen_at LIMIT $2",
        )
        .bind(TROUBLE_MAX)
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ParkedMention {
                    id: get(row, "id")?,
                    source: get(row, "source")?,
                    seen_at: get_time(row, "seen_at")?,
                })
            })
            .collect()
    }

    /// Whether a mention is parked.
    pub async fn is_parked(&self, mention_id: &str) -> anyhow::Result<bool> {
        let row = sqlx::query("SELECT 1 FROM mention WHERE id = $1 AND waiting = 1 AND trouble >= $2")
            .bind(mention_id)
            .bind(TROUBLE_MAX)
            .fetch_optional(self.db.read())
            .await?;
        Ok(row.is_some())
    }

    /// Gives a parked mention to the pipeline again, because a person said so. False: it is not parked.
    pub async fn release_mention(&self, mention_id: &str, actor: &str) -> anyhow::Result<bool> {
        let mut tx = self.begin().await?;
        let released =
            sqlx::query("UPDATE mention SET trouble = 0 WHERE id = $1 AND waiting = 1 AND trouble >= $2")
                .bind(mention_id)
                .bind(TROUBLE_MAX)
                .execute(&mut *tx.tx)
                .await?
                .rows_affected()
                == 1;
        if released {
            self.audit(
                &mut tx,
                actor,
                "release",
                &format!("mention {mention_id}"),
                "given to the pipeline again",
            )
            .await?;
        }
        tx.commit().await?;
        Ok(released)
    }
}

struct FreshMention {
    id: String,
    author_id: String,
    own_voice: bool,
    mention: Mention,
}

struct KnownMention {
    id: String,
    author_id: String,
    revision: i64,
    removed: bool,
    hashes: HashSet<String>,
}

impl KnownMention {
    fn first(id: &str, author_id: &str, hash: &str) -> KnownMention {
        KnownMention {
            id: id.to_owned(),
            author_id: author_id.to_owned(),
            revision: 1,
            removed: false,
            hashes: HashSet::from([hash.to_owned()]),
        }
    }
}

/// Everything of a mention at its current revision, for [`stored_mention`].
pub(super) const SELECT_MENTION: &str = "SELECT m.id, m.source, m.external_id, m.kind, m.url, m.reply_to, m.published_at, \
     m.revision, m.decided, m.backfill, m.own_voice, m.removed_at, m.author_id, a.external_id AS author_external_id, a.handle, \
     a.display_name, a.audience, r.title, r.text, r.language, r.rating, r.rating_best, r.likes, r.shares, r.replies, \
     r.reference, r.has_media, r.flags, r.edited_at, r.seen_at FROM mention m \
     JOIN mention_revision r ON r.mention_id = m.id AND r.revision = m.revision JOIN author a ON a.id = m.author_id";

pub(super) fn stored_mention(row: &AnyRow) -> anyhow::Result<StoredMention> {
    let rating = get::<Option<f64>, _>(row, "rating")?.zip(get::<Option<f64>, _>(row, "rating_best")?);
    Ok(StoredMention {
        id: get(row, "id")?,
        source: get(row, "source")?,
        revision: get(row, "revision")?,
        decided: get(row, "decided")?,
        backfill: get_flag(row, "backfill")?,
        own_voice: get_flag(row, "own_voice")?,
        seen_at: get_time(row, "seen_at")?,
        removed_at: get_time_maybe(row, "removed_at")?,
        author_id: get(row, "author_id")?,
        mention: Mention {
            external_id: get(row, "external_id")?,
            kind: get_name(row, "kind", MentionKind::from_name)?,
            url: get(row, "url")?,
            author: Author {
                external_id: get(row, "author_external_id")?,
                handle: get(row, "handle")?,
                display_name: get(row, "display_name")?,
                audience: get::<Option<i64>, _>(row, "audience")?.map(|n| n.max(0) as u64),
            },
            title: get(row, "title")?,
            text: get(row, "text")?,
            language_hint: get(row, "language")?,
            published_at: get_time_maybe(row, "published_at")?,
            edited_at: get_time_maybe(row, "edited_at")?,
            rating: rating.and_then(|(value, best)| Rating::new(value, best)),
            engagement: Engagement {
                likes: get::<i64, _>(row, "likes")?.max(0) as u64,
                shares: get::<i64, _>(row, "shares")?.max(0) as u64,
                replies: get::<i64, _>(row, "replies")?.max(0) as u64,
            },
            reply_to: get(row, "reply_to")?,
            reference: get(row, "reference")?,
            has_media: get_flag(row, "has_media")?,
            flags: get_json(row, "flags")?,
        },
    })
}
