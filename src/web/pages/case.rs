//! A case: the dossier of its newest mention, the others, who was told, and why.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use jiff::Timestamp;

use super::{Frame, Section, name_of_row, web_link};
use crate::dossier::{self, Dossier};
use crate::matching::Question;
use crate::mention::StoredMention;
use crate::register::{Answer, StoredContact};
use crate::store::Store;
use crate::store::views::{AlertLine, AttemptLine, EffectLine, PersonLine};
use crate::web::Visit;
use crate::web::dress::{self, Trouble};
use crate::web::pages::outbox::EffectRow;
use crate::web::words::Words;

/// Mentions of a case that are listed.
const MENTIONS_MAX: i64 = 50;
/// Persons an author may have been linked to.
const PERSONS_MAX: i64 = 10;
/// Attempts that are listed.
const ATTEMPTS_MAX: i64 = 200;

/// Shows a case by its number; `?mention=ID` looks at another of its mentions.
pub(in crate::web) async fn show(visit: Visit, Path(number): Path<String>) -> Result<Response, Trouble> {
    let store = &visit.site.app.store;
    let case_id = match number.parse() {
        Ok(number) => store.case_by_number(number).await?,
        Err(_) => None,
    };
    let Some(case_id) = case_id else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    let mentions = store.newest_mentions_of_case(&case_id, MENTIONS_MAX).await?;
    let wanted = visit.wanted("mention");
    let chosen = mentions.iter().find(|mention| Some(&mention.id) == wanted.as_ref()).or(mentions.first());
    let Some(chosen) = chosen else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    let Some(dossier) = dossier::gather(store, &chosen.id).await? else {
        return Ok(Redirect::to(&format!("/mentions/{}", chosen.id)).into_response());
    };
    let told = Told {
        alerts: store.alerts_of_case(&case_id).await?,
        deliveries: store.deliveries_of_case(&case_id).await?,
        attempts: Vec::new(),
    };
    let told = told.with_attempts(store).await?;
    render(&visit, dossier, mentions, told).await
}

/// Shows a mention: within its case when it has one, else by itself.
pub(in crate::web) async fn show_mention(visit: Visit, Path(id): Path<String>) -> Result<Response, Trouble> {
    let store = &visit.site.app.store;
    let Some(mention) = store.find_mention(&id).await? else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let Some(dossier) = dossier::gather(store, &mention.id).await? else {
        return dress::html(&Undecided {
            frame: Frame::new(&visit, Section::Inbox),
            w: &visit.w,
            statement: Statement::of(&mention),
            parked: store.is_parked(&mention.id).await?.then_some(mention.id.as_str()),
        });
    };
    if let Some(case) = &dossier.case {
        return Ok(Redirect::to(&format!("/cases/{}?mention={}", case.number, mention.id)).into_response());
    }
    let told = Told {
        alerts: store.alerts_of_mention(&mention.id).await?,
        deliveries: store.deliveries_of_mention(&mention.id).await?,
        attempts: Vec::new(),
    };
    let told = told.with_attempts(store).await?;
    render(&visit, dossier, vec![mention], told).await
}

/// Goes to the mention that an alert is about.
pub(in crate::web) async fn show_alert(visit: Visit, Path(id): Path<String>) -> Result<Response, Trouble> {
    Ok(match visit.site.app.store.alert(&id).await? {
        Some(alert) => Redirect::to(&format!("/mentions/{}", alert.mention_id)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

async fn render(
    visit: &Visit,
    dossier: Dossier,
    mentions: Vec<StoredMention>,
    told: Told,
) -> Result<Response, Trouble> {
    let store = &visit.site.app.store;
    let ticket_answers = match &dossier.ticket {
        Some(ticket) => store.answers(&ticket.id).await?,
        None => Vec::new(),
    };
    let mut persons = Vec::new();
    for link in store.persons_of_author(&dossier.mention.author_id, PERSONS_MAX).await? {
        let contact = store.contact(&link.contact_id).await?;
        persons.push(Person { link, contact });
    }
    dress::html(&CasePage {
        frame: Frame::new(visit, Section::Inbox),
        w: &visit.w,
        statement: Statement::of(&dossier.mention),
        parent: dossier.parent.as_ref().map(Statement::of),
        mentions: mentions.iter().map(Statement::of).collect(),
        register_age: dossier
            .register_age
            .map(|age| visit.w.span(&i64::try_from(age.as_secs()).unwrap_or(i64::MAX))),
        topic: dossier.assessment.topic.as_deref().map(|id| {
            let name = visit.site.app.config.topics.name(id, visit.w.language);
            name.unwrap_or_else(|| id.to_owned())
        }),
        arithmetic: dossier.exposure.arithmetic(visit.w.language.is_dutch()),
        told: &told,
        ticket_answers,
        persons,
        d: &dossier,
    })
}

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage<'a> {
    frame: Frame<'a>,
    w: &'a Words,
    d: &'a Dossier,
    statement: Statement<'a>,
    parent: Option<Statement<'a>>,
    mentions: Vec<Statement<'a>>,
    register_age: Option<String>,
    topic: Option<String>,
    arithmetic: String,
    ticket_answers: Vec<Answer>,
    persons: Vec<Person>,
    told: &'a Told,
}

impl CasePage<'_> {
    /// The three questions in their order, whatever order the store has them in.
    fn answers(&self) -> impl Iterator<Item = &dossier::AnswerFacts> {
        [Question::SameCase, Question::SameCustomer, Question::SameProblem]
            .into_iter()
            .filter_map(|question| self.d.answer(question))
    }

    fn link<'u>(&self, url: &'u Option<String>) -> Option<&'u str> {
        web_link(url.as_deref())
    }

    fn row_name<'i>(&self, row_id: &'i str) -> &'i str {
        name_of_row(row_id)
    }
}

/// A mention that nothing was made of yet.
#[derive(Template)]
#[template(path = "undecided.html")]
struct Undecided<'a> {
    frame: Frame<'a>,
    w: &'a Words,
    statement: Statement<'a>,
    /// The id to release it by, when it is parked.
    parked: Option<&'a str>,
}

/// Somebody's own words, with who, where and when.
pub(super) struct Statement<'a> {
    m: &'a StoredMention,
    at: Timestamp,
    href: Option<&'a str>,
}

impl<'a> Statement<'a> {
    fn of(mention: &'a StoredMention) -> Statement<'a> {
        Statement { m: mention, at: mention.said_at(), href: web_link(mention.mention.url.as_deref()) }
    }

    /// The name somebody shows, or else the name of the account.
    fn author(&self) -> &str {
        let author = &self.m.mention.author;
        author.display_name.as_deref().or(author.handle.as_deref()).unwrap_or(&author.external_id)
    }

    /// The account, where it is not the shown name already.
    fn handle(&self) -> Option<&str> {
        let author = &self.m.mention.author;
        author.display_name.as_ref().and(author.handle.as_deref())
    }

    fn audience(&self) -> Option<i64> {
        self.m.mention.author.audience.map(|audience| i64::try_from(audience).unwrap_or(i64::MAX))
    }

    fn stars(&self) -> Option<f64> {
        self.m.mention.rating.map(|rating| rating.as_stars())
    }
}

/// Whom the author was recognised as.
struct Person {
    link: PersonLine,
    contact: Option<StoredContact>,
}

/// Who was told, and what was done in the register.
struct Told {
    alerts: Vec<AlertLine>,
    deliveries: Vec<EffectLine>,
    attempts: Vec<AttemptLine>,
}

impl Told {
    async fn with_attempts(mut self, store: &Store) -> anyhow::Result<Told> {
        let ids: Vec<String> = self.deliveries.iter().map(|effect| effect.id.clone()).collect();
        self.attempts = store.attempts_of(&ids, ATTEMPTS_MAX).await?;
        Ok(self)
    }

    /// What was done to deliver an alert.
    fn of_alert(&self, alert: &AlertLine) -> Option<EffectRow<'_>> {
        self.deliveries
            .iter()
            .find(|effect| effect.cause == alert.id)
            .map(|effect| EffectRow::of(effect, &self.attempts))
    }

    /// What was done in the register.
    fn in_register(&self) -> Vec<EffectRow<'_>> {
        self.deliveries
            .iter()
            .filter(|effect| effect.target.starts_with("crm:"))
            .map(|effect| EffectRow::of(effect, &self.attempts))
            .collect()
    }
}
