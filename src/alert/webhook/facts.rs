//! A dossier as JSON for programs: every fact under a stable name, and the same sections that people read.

use serde_json::{Map, Value, json};

use crate::alert::Letter;
use crate::alert::content::{Alert, Part, SectionName, followable};
use crate::alert::notice::NoticeLetter;
use crate::alert::plain;
use crate::config::Language;
use crate::dossier::{AnswerFacts, Dossier};
use crate::mention::StoredMention;
use crate::register::{StoredProblem, StoredTicket};
use crate::text;

/// Receivers of Standard Webhooks may refuse larger bodies. The customer's words are never shortened for it.
const BODY_BYTES_MAX: usize = 20_000;
/// What goes first when the rest of the body is too large.
const EXPENDABLE: [&str; 6] = ["sections", "reasons", "parent", "promises", "answers", "assessment"];
/// The most entries of one list.
const LIST_MAX: usize = 10;
/// The most characters of one text that is not the complaint itself.
const TEXT_CHARACTERS_MAX: usize = 400;

/// The body: `{"type":"gehoord.alert","timestamp":…,"data":{…}}`.
pub fn body(letter: &Letter, alert: &Alert) -> String {
    let words = words(alert);
    let mut data = facts(letter);
    data.insert("subject".to_owned(), json!(alert.subject));
    data.insert("words".to_owned(), json!(words));
    data.insert("sections".to_owned(), sections(alert));
    let spare = BODY_BYTES_MAX + json!(words).to_string().len();
    let whole = |data: &Map<String, Value>| {
        json!({ "type": "gehoord.alert", "timestamp": letter.dossier.now.to_string(), "data": data })
            .to_string()
    };
    let mut text = whole(&data);
    let mut left_out: Vec<&str> = Vec::new();
    for name in EXPENDABLE {
        if text.len() < spare {
            break;
        }
        data.remove(name);
        left_out.push(name);
        data.insert("left_out".to_owned(), json!(left_out));
        text = whole(&data);
    }
    text
}

/// The body of a notice about ourselves: `{"type":"gehoord.notice","timestamp":…,"data":{…}}`.
pub fn notice_body(letter: &NoticeLetter, alert: &Alert) -> String {
    json!({
        "type": "gehoord.notice",
        "timestamp": letter.now.to_string(),
        "data": {
            "key": letter.key,
            "notice": letter.notice,
            "subject": alert.subject,
            "sections": sections(alert),
        },
    })
    .to_string()
}

/// The customer's words, or `null` where they may not be told.
fn words(alert: &Alert) -> Option<String> {
    let section = alert.sections.iter().find(|section| section.name == SectionName::Words)?;
    let words: Vec<&str> = section
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Words(words) => Some(words.as_str()),
            _ => None,
        })
        .collect();
    (!words.is_empty()).then(|| words.join("\n"))
}

/// What people read, without the words, which stand in the data once.
fn sections(alert: &Alert) -> Value {
    let sections = alert.sections.iter().filter(|section| section.name != SectionName::Words);
    sections
        .map(|section| {
            let text = plain::lines(section);
            json!({ "name": section.name.name(), "heading": section.heading, "text": text.trim_end() })
        })
        .collect()
}

fn facts(letter: &Letter) -> Map<String, Value> {
    let dossier = letter.dossier;
    let shy = letter.link_only || dossier.mention.removed_at.is_some();
    let page = letter.page_url.trim_end_matches('/');
    let data = json!({
        "key": letter.key,
        "kind": letter.kind,
        "case": dossier.case.as_ref().map(|case| json!({
            "number": case.number,
            "status": case.status,
            "opened_at": case.opened_at.to_string(),
            "url": followable(&format!("{page}/cases/{}", case.number)),
        })),
        "mention": mention(&dossier.mention, shy),
        "parent": dossier.parent.as_ref().filter(|_| !shy).map(|parent| {
            let mut facts = mention(parent, parent.removed_at.is_some());
            facts["words"] = match parent.removed_at {
                Some(_) => Value::Null,
                None => json!(short(&parent.mention.whole_text())),
            };
            facts
        }),
        "verdict": dossier.verdict,
        "urgency": dossier.urgency,
        "known_since_days": dossier.known_since_days,
        "recurrence_days": dossier.recurrence_days,
        "ticket": dossier.ticket.as_ref().map(|stored| ticket(stored, shy)),
        "problem": dossier.problem.as_ref().map(problem),
        "answers": dossier.answers.iter().map(|facts| answer(facts, shy, letter.language)).collect::<Vec<_>>(),
        "others_silent": dossier.others_silent,
        "others_public": dossier.others_public,
        "exposure": {
            "audience": dossier.exposure.audience,
            "seen_share": dossier.exposure.seen_share,
            "shares": dossier.exposure.shares,
            "seen_per_share": dossier.exposure.seen_per_share,
            "told": dossier.exposure.told,
            "expected": dossier.exposure.expected,
            "arithmetic": dossier.exposure.arithmetic(letter.language.is_dutch()),
        },
        "promises": dossier.promises.iter().take(LIST_MAX).map(|promise| json!({
            "quote": (!shy).then(|| short(&promise.quote)),
            "at": promise.at.to_string(),
        })).collect::<Vec<_>>(),
        "assessment": assessment(dossier, shy),
        "reasons": told(&dossier.reasons, |reason| reason.in_words(letter.language)),
        "register_age_secs": dossier.register_age.map(|age| age.as_secs()),
        "decided_at": dossier.decided_at.map(|at| at.to_string()),
    });
    match data {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn mention(stored: &StoredMention, shy: bool) -> Value {
    let mention = &stored.mention;
    json!({
        "id": stored.id,
        "source": stored.source,
        "kind": mention.kind,
        "revision": stored.revision,
        "said_at": stored.said_at().to_string(),
        "seen_at": stored.seen_at.to_string(),
        "removed_at": stored.removed_at.map(|at| at.to_string()),
        "url": mention.url.as_deref().filter(|_| !shy).and_then(followable),
        "author": (!shy).then(|| json!({
            "handle": mention.author.handle.as_deref().map(text::clean_name),
            "display_name": mention.author.display_name.as_deref().map(text::clean_name),
        })),
        "rating": mention.rating,
        "engagement": mention.engagement,
        "language_hint": mention.language_hint,
        "has_media": mention.has_media,
        "flags": mention.flags,
    })
}

fn ticket(stored: &StoredTicket, shy: bool) -> Value {
    let ticket = &stored.ticket;
    json!({
        "register": stored.register,
        "number": text::clean_name(&ticket.number),
        "subject": (!shy).then(|| short(&ticket.subject)),
        "status": ticket.status,
        "priority": ticket.priority,
        "created_at": ticket.created_at.to_string(),
        "solved_at": ticket.solved_at.map(|at| at.to_string()),
        "url": ticket.url.as_deref().and_then(followable),
    })
}

fn problem(stored: &StoredProblem) -> Value {
    let problem = &stored.problem;
    json!({
        "register": stored.register,
        "number": text::clean_name(&problem.number),
        "title": short(&problem.title),
        "status": problem.status,
        "workaround": problem.workaround.as_deref().map(short),
        "owner": problem.owner.as_deref().map(text::clean_name),
        "owner_email": problem.owner_email.as_deref().map(text::clean_name),
        "opened_at": problem.opened_at.to_string(),
        "fixed_at": problem.fixed_at.map(|at| at.to_string()),
        "url": problem.url.as_deref().and_then(followable),
    })
}

fn answer(facts: &AnswerFacts, shy: bool, language: Language) -> Value {
    let answer = &facts.answer;
    json!({
        "question": answer.question,
        "band": answer.band,
        "tier": answer.tier,
        // JSON has no infinities.
        "probability": if answer.probability.is_finite() { answer.probability } else { 0.0 },
        "ticket": facts.ticket.as_ref().map(|stored| text::clean_name(&stored.ticket.number)),
        "problem": facts.problem.as_ref().map(|stored| text::clean_name(&stored.problem.number)),
        "customer": facts.contact.as_ref().filter(|_| !shy).map(|stored| json!({
            "name": text::clean_name(&stored.contact.name),
            "number": stored.contact.customer_number.as_deref().map(text::clean_name),
        })),
        "evidence": (!shy).then(|| json!({
            "shared": list(&answer.evidence.shared),
            "reasons": told(&answer.evidence.reasons, |argument| argument.in_words(language)),
            "against": told(&answer.evidence.against, |argument| argument.in_words(language)),
        })),
    })
}

fn assessment(dossier: &Dossier, shy: bool) -> Value {
    let assessment = &dossier.assessment;
    json!({
        "brand": assessment.brand,
        "class": assessment.class,
        "probability": if assessment.probability.is_finite() { assessment.probability } else { 0.0 },
        "severity": assessment.severity,
        "topic": assessment.topic,
        "language": assessment.language,
        "evidence": (!shy).then(|| list(&assessment.evidence)),
    })
}

fn list(entries: &[String]) -> Vec<String> {
    told(entries, String::clone)
}

/// The first entries in words, none of them long.
fn told<T>(entries: &[T], in_words: impl Fn(&T) -> String) -> Vec<String> {
    entries.iter().take(LIST_MAX).map(|entry| short(&in_words(entry))).collect()
}

fn short(raw: &str) -> String {
    text::excerpt(&text::clean(raw).text, TEXT_CHARACTERS_MAX)
}
