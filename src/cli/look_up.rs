//! match, explain, who.

use serde_json::json;

use super::{NOT_FOUND, OK, print_json, shown};
use crate::app::App;
use crate::assess::Assessor;
use crate::clock::{Clock, whole_days_between};
use crate::config::{Config, Language};
use crate::dossier;
use crate::matching::{self, Argument, Facts, MatchAnswer};
use crate::mention::{Author, Mention};
use crate::recognise::{self, Recognition};
use crate::register::StoredContact;
use crate::store::Store;

/// Shows what a text would be matched with.
pub async fn match_text(
    config: Config,
    text: &str,
    author: Option<&str>,
    as_json: bool,
) -> anyhow::Result<u8> {
    let assessor =
        Assessor::new(config.assess_settings()).map_err(|errors| anyhow::anyhow!(errors.join("; ")))?;
    let app = App::build(config, Clock::System).await?;
    app.mirror.refresh_index(&app.store).await?;
    let now = app.store.now().await?;
    let author = Author {
        external_id: "command line".to_owned(),
        display_name: author.map(str::to_owned),
        ..Author::default()
    };
    let mention = Mention::new("command line", author, text).cleaned(now);
    let assessment = assessor.assess(&mention, None, None);
    let keys = recognise::keys_of_mention(&mention, "", &assessment);
    let candidates = app.store.contacts_by_keys(&keys).await?;
    let recognition = recognise::recognise(&mention, "", &assessment, &candidates);
    let numbers: Vec<String> =
        assessment.references.iter().map(|reference| reference.value.clone()).collect();
    let by_reference = app.store.tickets_by_number(&numbers).await?;
    let own_tickets = match &recognition.person {
        Some(person) => app.store.tickets_of_contacts(std::slice::from_ref(&person.contact_id)).await?,
        None => Vec::new(),
    };
    let answers = matching::answer(
        &Facts {
            mention: &mention,
            assessment: &assessment,
            recognition: &recognition,
            by_reference: &by_reference,
            by_thread: None,
            opened_for_it: None,
            own_tickets: &own_tickets,
            now,
        },
        &app.mirror.index(),
    );
    if as_json {
        print_json(
            &json!({ "assessment": assessment, "recognition": recognition, "answers": answers.all() }),
        )?;
        return Ok(OK);
    }
    println!(
        "{} ({:.0} %), {}, language {}, severity {}",
        assessment.class.name(),
        assessment.probability * 100.0,
        if assessment.relevant { "about us" } else { "not about us" },
        assessment.language.as_deref().unwrap_or("unknown"),
        assessment.severity.name()
    );
    for evidence in &assessment.evidence {
        println!("  {}", shown(evidence));
    }
    print_person(&recognition);
    for answer in answers.all() {
        print_answer(&app.store, answer).await?;
    }
    Ok(OK)
}

fn print_person(recognition: &Recognition) {
    match &recognition.person {
        Some(person) => println!(
            "person: {} ({}): {}",
            person.contact_id,
            person.certainty.name(),
            shown(&person.evidence.in_words(Language::English))
        ),
        None => println!("person: not recognised; {} others fit", recognition.others.len()),
    }
}

async fn print_answer(store: &Store, answer: &MatchAnswer) -> anyhow::Result<()> {
    println!(
        "{}: {} ({}, {:.0} %)",
        answer.question.name(),
        answer.band.name(),
        answer.tier.name(),
        answer.probability * 100.0
    );
    if let Some(ticket) = answer.ticket_id.as_deref() {
        let subject =
            store.ticket(ticket).await?.map_or(String::new(), |ticket| shown(&ticket.ticket.subject));
        println!("  ticket {ticket}: {subject}");
    }
    if let Some(problem) = answer.problem_id.as_deref() {
        let title =
            store.problem(problem).await?.map_or(String::new(), |problem| shown(&problem.problem.title));
        println!("  problem {problem}: {title}");
    }
    let evidence = &answer.evidence;
    let in_words = |arguments: &[Argument]| -> Vec<String> {
        arguments.iter().map(|argument| argument.in_words(Language::English)).collect()
    };
    for (label, lines) in [
        ("shared", evidence.shared.clone()),
        ("for", in_words(&evidence.reasons)),
        ("against", in_words(&evidence.against)),
    ] {
        if !lines.is_empty() {
            println!("  {label}: {}", shown(&lines.join("; ")));
        }
    }
    if let Some((other, probability)) = &evidence.runner_up {
        println!("  next best: {other} ({:.0} %)", probability * 100.0);
    }
    Ok(())
}

/// Shows what happened to a mention.
pub async fn explain(config: Config, pasted: &str, as_json: bool) -> anyhow::Result<u8> {
    let store = Store::open(&config.database.url, Clock::System).await?;
    let Some(mention) = store.find_mention(pasted).await? else {
        // Not quoted: a link may name its author, and standard error is kept with the logs.
        eprintln!(
            "gehoord: no mention has this id or link; was its source polled since? see `gehoord sources`"
        );
        return Ok(NOT_FOUND);
    };
    let parked = store.is_parked(&mention.id).await?;
    let decisions = store.decisions(&mention.id).await?;
    let alerts = store.alerts_of_mention(&mention.id).await?;
    let dossier = dossier::gather(&store, &mention.id).await?;
    let deliveries = store.deliveries_of_mention(&mention.id).await?;
    let answers: Vec<&MatchAnswer> =
        dossier.iter().flat_map(|dossier| &dossier.answers).map(|facts| &facts.answer).collect();
    let mut attempts = Vec::new();
    for delivery in &deliveries {
        for (number, outcome, answer, at) in store.attempts(&delivery.id).await? {
            attempts.push(json!({ "effect": delivery.id, "target": delivery.target, "number": number, "outcome": outcome, "answer": answer, "at": at }));
        }
    }
    let story = json!({
        "mention": { "id": mention.id, "source": mention.source, "external_id": mention.mention.external_id,
            "url": mention.mention.url, "published_at": mention.mention.published_at, "stored_at": mention.seen_at,
            "revision": mention.revision, "backfill": mention.backfill, "own_voice": mention.own_voice,
            "removed_at": mention.removed_at, "flags": mention.mention.flags, "parked": parked },
        "assessment": dossier.as_ref().map(|dossier| &dossier.assessment),
        "answers": answers,
        "decisions": decisions.iter().map(|decision| json!({ "revision": decision.revision, "at": decision.at, "mode": decision.mode,
            "verdict": decision.verdict, "urgency": decision.urgency, "reasons": decision.reasons,
            "register_age_minutes": decision.register_age.map(|age| age.as_secs() / 60) })).collect::<Vec<_>>(),
        "alerts": alerts.iter().map(|alert| json!({ "receiver": alert.receiver, "kind": alert.kind, "state": alert.state,
            "due_at": alert.due_at, "delivery": alert.delivery, "delivered_at": alert.delivered_at })).collect::<Vec<_>>(),
        "attempts": attempts,
    });
    if as_json {
        print_json(&story)?;
        return Ok(OK);
    }
    println!("{} from {}, stored {}", mention.id, mention.source, mention.seen_at);
    if let Some(dossier) = &dossier {
        println!(
            "assessed: {}, severity {}",
            dossier.assessment.class.name(),
            dossier.assessment.severity.name()
        );
        dossier.assessment.evidence.iter().for_each(|line| println!("  {}", shown(line)));
        for answer in answers {
            print_answer(&store, answer).await?;
        }
    }
    if parked {
        println!("parked, because processing it failed; see the log, then `gehoord release {}`", mention.id);
    } else if decisions.is_empty() {
        println!("not decided yet");
    }
    for decision in &decisions {
        println!(
            "decided {} (revision {}, {}): {}",
            decision.at,
            decision.revision,
            decision.mode,
            decision.verdict.name()
        );
        for reason in &decision.reasons {
            println!("  {}", shown(&reason.in_words(Language::English)));
        }
    }
    for alert in &alerts {
        let delivery = alert.delivery.as_deref().unwrap_or(alert.state.as_str());
        println!("alert for {} ({}): {delivery}", alert.receiver, alert.kind.name());
    }
    for attempt in &attempts {
        println!(
            "attempt {} at {}: {} {}",
            attempt["number"],
            attempt["target"],
            attempt["outcome"],
            shown(&attempt["answer"].to_string())
        );
    }
    if alerts.is_empty() {
        println!("nobody was told");
    }
    Ok(OK)
}

/// Looks a person up by name.
pub async fn who(config: Config, name: &str, as_json: bool) -> anyhow::Result<u8> {
    let store = Store::open(&config.database.url, Clock::System).await?;
    let now = store.now().await?;
    let mut contacts: Vec<StoredContact> = store
        .contacts_by_keys(&recognise::keys_of_name(name))
        .await?
        .into_iter()
        .map(|(_, contact)| contact)
        .collect();
    contacts.sort_by(|a, b| a.id.cmp(&b.id));
    contacts.dedup_by(|a, b| a.id == b.id);
    let ranked = recognise::rank_by_name(name, &contacts);
    let mut found = Vec::new();
    for person in &ranked {
        let Some(contact) = contacts.iter().find(|contact| contact.id == person.contact_id) else { continue };
        let tickets = store.tickets_of_contacts(std::slice::from_ref(&contact.id)).await?;
        let open: Vec<_> = tickets
            .iter()
            .filter(|ticket| ticket.ticket.status.is_unresolved())
            .map(|ticket| {
                json!({ "number": ticket.ticket.number, "subject": ticket.ticket.subject,
                "open_days": whole_days_between(ticket.ticket.created_at, now) })
            })
            .collect();
        found.push(
            json!({ "contact": contact.id, "name": contact.contact.name, "city": contact.contact.city,
            "probability": person.probability,
                "evidence": person.evidence.in_words(Language::English), "open_tickets": open }),
        );
    }
    if found.is_empty() {
        eprintln!("gehoord: nobody in the register is called like {name:?}");
        return Ok(NOT_FOUND);
    }
    if as_json {
        print_json(&found)?;
        return Ok(OK);
    }
    for person in found {
        let text = |key: &str| shown(person[key].as_str().unwrap_or(""));
        println!(
            "{:>3.0} %  {}  {}  {}",
            person["probability"].as_f64().unwrap_or(0.0) * 100.0,
            text("name"),
            text("contact"),
            text("city")
        );
        println!("       {}", text("evidence"));
        for ticket in person["open_tickets"].as_array().into_iter().flatten() {
            println!(
                "       ticket {} open for {} days: {}",
                shown(ticket["number"].as_str().unwrap_or("")),
                ticket["open_days"],
                shown(ticket["subject"].as_str().unwrap_or(""))
            );
        }
    }
    Ok(OK)
}
