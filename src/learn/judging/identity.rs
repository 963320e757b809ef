//! Judges who is behind an account: a folder with `contacts.tsv` (id, full_name, city) and `authors.jsonl`.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::Measures;
use super::lines;
use super::measures::percent;
use crate::assess::{Assessment, Class, Severity};
use crate::mention::{Author, Mention};
use crate::recognise;
use crate::register::{Contact, ContactKey, StoredContact};

/// Suggestions that a person would look at.
const SUGGESTED: usize = 5;

/// A line of `authors.jsonl`.
#[derive(Debug, Deserialize)]
struct Posting {
    display_name: String,
    #[serde(default)]
    handle: String,
    #[serde(default)]
    location: String,
    /// Who it is; none for a stranger.
    contact: Option<String>,
    /// Everybody whom the evidence fits as well.
    #[serde(default)]
    candidates: Vec<String>,
}

/// A folder of the task.
#[derive(Debug)]
pub struct Set {
    by_key: HashMap<ContactKey, Vec<StoredContact>>,
    postings: Vec<Posting>,
}

impl Set {
    /// Reads a folder.
    ///
    /// # Errors
    /// A line that is no contact or author.
    pub fn read(folder: &Path) -> anyhow::Result<Set> {
        let file = folder.join("contacts.tsv");
        let text = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
        let mut by_key: HashMap<ContactKey, Vec<StoredContact>> = HashMap::new();
        for (number, line) in (1..).zip(text.lines()).skip(1) {
            let mut columns = line.split('\t');
            let (Some(id), Some(name)) = (columns.next(), columns.next()) else {
                bail!("{}:{number}: an id and a name are needed", file.display());
            };
            let stored = stored(id, name, columns.next());
            for key in recognise::keys_of_contact(&stored.contact) {
                by_key.entry(key).or_default().push(stored.clone());
            }
        }
        Ok(Set { by_key, postings: lines(&folder.join("authors.jsonl"))? })
    }

    /// With names alone, as no account is on file here.
    pub fn shipped(&self) -> Measures {
        let assessment = nothing_assessed();
        let (mut linked, mut right, mut linkable, mut strangers, mut false_links) = (0, 0, 0, 0, 0);
        let (mut ambiguous, mut linked_anyway, mut known, mut suggested) = (0, 0, 0, 0);
        for posting in &self.postings {
            let mention = posting.mention();
            let candidates: Vec<(ContactKey, StoredContact)> =
                recognise::keys_of_mention(&mention, "eval", &assessment)
                    .into_iter()
                    .flat_map(|key| {
                        let found = self.by_key.get(&key).cloned().unwrap_or_default();
                        found.into_iter().map(move |contact| (key.clone(), contact))
                    })
                    .collect();
            let found = recognise::recognise(&mention, "eval", &assessment, &candidates);
            let ranked: Vec<&str> = found
                .person
                .iter()
                .chain(&found.others)
                .take(SUGGESTED)
                .map(|person| person.contact_id.as_str())
                .collect();
            let link = found.person.as_ref().map(|person| person.contact_id.as_str());
            let is_clear = posting.contact.is_some() && posting.candidates.len() <= 1;
            let is_right = is_clear && link == posting.contact.as_deref();
            linked += usize::from(link.is_some());
            right += usize::from(is_right);
            linkable += usize::from(is_clear);
            strangers += usize::from(posting.contact.is_none());
            false_links += usize::from(posting.contact.is_none() && link.is_some());
            ambiguous += usize::from(posting.candidates.len() > 1);
            linked_anyway += usize::from(posting.candidates.len() > 1 && link.is_some());
            if let Some(contact) = &posting.contact {
                known += 1;
                suggested += usize::from(ranked.contains(&contact.as_str()));
            }
        }
        let share = |part: usize, whole: usize| {
            if whole == 0 { f64::NAN } else { percent(part as f64 / whole as f64) }
        };
        let mut measures = Measures::default();
        measures.set("precision", share(right, linked));
        measures.set("recall", share(right, linkable));
        measures.set("false_links", share(false_links, strangers));
        measures.set("ambiguous_linked", share(linked_anyway, ambiguous));
        measures.set("hit_at_5", share(suggested, known));
        measures
    }
}

impl Posting {
    fn mention(&self) -> Mention {
        let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let author = Author {
            external_id: self.handle.clone(),
            handle: filled(&self.handle),
            display_name: filled(&self.display_name),
            audience: None,
        };
        // Where an account says that it lives, as a post would say it.
        let text = filled(&self.location).map(|place| format!("Ik woon in {place}.")).unwrap_or_default();
        Mention::new("judged", author, &text)
    }
}

fn stored(id: &str, name: &str, city: Option<&str>) -> StoredContact {
    StoredContact {
        id: id.to_owned(),
        contact: Contact {
            external_id: id.to_owned(),
            name: name.to_owned(),
            email: None,
            phone: None,
            customer_number: None,
            city: city.map(str::to_owned).filter(|city| !city.is_empty()),
            handles: Vec::new(),
            customer_since: None,
        },
    }
}

fn nothing_assessed() -> Assessment {
    Assessment {
        relevant: true,
        brand: None,
        language: None,
        class: Class::Complaint,
        probability: 1.0,
        severity: Severity::Normal,
        topic: None,
        references: Vec::new(),
        evidence: Vec::new(),
    }
}
