//! The bundled story: an invented provider, six weeks of its register and of the public web. See `demo/story/README.md`.

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::fake_zendesk::Data;
use crate::register::{Answer, Contact, Priority, Problem, ProblemStatus, Ticket, TicketStatus};

/// The problem that a thousand customers have: an invoice line that nobody understands.
const INVOICE_PROBLEM: &str = "P-74";
/// How many customers are invented beside those who are written out.
const INVENTED_CUSTOMERS: usize = 1_000;

/// A statement of the story.
#[derive(Clone, Debug, Deserialize)]
pub struct Post {
    /// Its id in the story.
    pub id: String,
    /// Where it is said: mastodon, blog, reviews, bluesky.
    pub feed: String,
    /// Who says it.
    pub author: PostAuthor,
    /// How long ago, in days.
    pub days_ago: f64,
    /// Language the platform claims.
    pub lang: Option<String>,
    /// The words.
    pub text: String,
    /// The title of a review or article.
    pub title: Option<String>,
    /// Stars, for reviews.
    pub rating: Option<f64>,
    /// What it answers.
    pub reply_to: Option<String>,
}

/// Who says it.
#[derive(Clone, Debug, Deserialize)]
pub struct PostAuthor {
    /// The handle.
    pub handle: String,
    /// The name shown.
    pub name: String,
    /// Followers; `None` where the network does not tell.
    pub followers: Option<u64>,
}

/// All posts, the oldest first.
///
/// # Errors
/// When the bundled file was damaged.
pub fn posts() -> anyhow::Result<Vec<Post>> {
    let mut posts: Vec<Post> = include_str!("../../demo/story/mentions.jsonl")
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("demo/story/mentions.jsonl")?;
    posts.sort_by(|a, b| b.days_ago.total_cmp(&a.days_ago));
    Ok(posts)
}

/// The register as it is at `now`, with a thousand invented customers who have the same unclear invoice.
///
/// # Errors
/// When a bundled file was damaged.
pub fn register(now: Timestamp) -> anyhow::Result<Data> {
    let ago = |days: f64| now - SignedDuration::from_secs_f64(days * 86_400.0);
    let mut data = Data {
        contacts: rows::<ContactRow>(include_str!("../../demo/story/contacts.csv"), "contacts.csv")?
            .into_iter()
            .map(ContactRow::contact)
            .collect(),
        tickets: Vec::new(),
        answers: Vec::new(),
        problems: Vec::new(),
    };
    for row in rows::<ProblemRow>(include_str!("../../demo/story/problems.csv"), "problems.csv")? {
        data.problems.push(row.problem(ago).context("problems.csv")?);
    }
    for row in rows::<TicketRow>(include_str!("../../demo/story/tickets.csv"), "tickets.csv")? {
        data.tickets.push(row.ticket(ago).context("tickets.csv")?);
    }
    for (place, row) in rows::<AnswerRow>(include_str!("../../demo/story/answers.csv"), "answers.csv")?
        .into_iter()
        .enumerate()
    {
        data.answers.push(row.answer(place, ago));
    }
    invent_customers(&mut data, ago);
    Ok(data)
}

/// A thousand customers, each with a ticket about the same invoice in other words.
fn invent_customers(data: &mut Data, ago: impl Fn(f64) -> Timestamp) {
    let lines = |text: &'static str| text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>();
    let first = lines(include_str!("../../demo/story/first_names.txt"));
    let last = lines(include_str!("../../demo/story/surnames.txt"));
    let wordings = lines(include_str!("../../demo/story/invoice_wordings.txt"));
    for n in 0..INVENTED_CUSTOMERS {
        // Strides without a common factor, so that names and wordings mix instead of marching in step.
        let name = format!("{} {}", first[n * 7 % first.len()], last[n * 11 % last.len()]);
        let contact = format!("C-{}", 3000 + n);
        data.contacts.push(Contact {
            external_id: contact.clone(),
            name,
            email: Some(format!("klant{n}@example.nl")),
            customer_number: Some(format!("{}", 50_100_000 + n * 37)),
            ..Contact::default()
        });
        let opened = ago(3.0 + (n * 13 % 64) as f64 + (n % 24) as f64 / 24.0);
        data.tickets.push(Ticket {
            external_id: (30_000 + n).to_string(),
            number: (30_000 + n).to_string(),
            url: None,
            subject: "Vraag over factuur".to_owned(),
            body: wordings[n * 3 % wordings.len()].to_owned(),
            status: TicketStatus::Open,
            priority: Priority::Normal,
            contact: Some(contact),
            problem: Some(INVOICE_PROBLEM.to_owned()),
            product: None,
            created_at: opened,
            updated_at: opened,
            solved_at: None,
        });
    }
}

fn rows<T: serde::de::DeserializeOwned>(text: &str, name: &str) -> anyhow::Result<Vec<T>> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .with_context(|| name.to_owned())
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[derive(Deserialize)]
struct ContactRow {
    id: String,
    name: String,
    email: String,
    phone: String,
    customer_number: String,
    city: String,
    handles: String,
    customer_since: String,
}

impl ContactRow {
    fn contact(self) -> Contact {
        Contact {
            external_id: self.id,
            name: self.name,
            email: some(self.email),
            phone: some(self.phone),
            customer_number: some(self.customer_number),
            city: some(self.city),
            handles: self.handles.split_whitespace().map(str::to_owned).collect(),
            customer_since: format!("{}T00:00:00Z", self.customer_since).parse().ok(),
        }
    }
}

#[derive(Deserialize)]
struct ProblemRow {
    id: String,
    title: String,
    description: String,
    status: String,
    opened_days_ago: f64,
    fixed_days_ago: Option<f64>,
    owner: String,
    owner_email: String,
    workaround: String,
}

impl ProblemRow {
    fn problem(self, ago: impl Fn(f64) -> Timestamp) -> anyhow::Result<Problem> {
        Ok(Problem {
            number: self.id.clone(),
            external_id: self.id,
            url: None,
            title: self.title,
            description: self.description,
            status: ProblemStatus::from_name(&self.status).context("a status of a problem")?,
            workaround: some(self.workaround),
            owner: some(self.owner),
            owner_email: some(self.owner_email),
            opened_at: ago(self.opened_days_ago),
            fixed_at: self.fixed_days_ago.map(ago),
        })
    }
}

#[derive(Deserialize)]
struct TicketRow {
    id: String,
    subject: String,
    body: String,
    status: String,
    priority: String,
    contact: String,
    problem: String,
    product: String,
    created_days_ago: f64,
    updated_days_ago: f64,
    resolved_days_ago: Option<f64>,
}

impl TicketRow {
    fn ticket(self, ago: impl Fn(f64) -> Timestamp) -> anyhow::Result<Ticket> {
        Ok(Ticket {
            number: self.id.clone(),
            external_id: self.id,
            url: None,
            subject: self.subject,
            body: self.body,
            status: TicketStatus::from_name(&self.status).context("a status of a ticket")?,
            priority: Priority::from_name(&self.priority).context("a priority")?,
            contact: some(self.contact),
            problem: some(self.problem),
            product: some(self.product),
            created_at: ago(self.created_days_ago),
            updated_at: ago(self.updated_days_ago),
            solved_at: self.resolved_days_ago.map(ago),
        })
    }
}

#[derive(Deserialize)]
struct AnswerRow {
    ticket: String,
    author: String,
    public: u8,
    days_ago: f64,
    body: String,
}

impl AnswerRow {
    fn answer(self, place: usize, ago: impl Fn(f64) -> Timestamp) -> Answer {
        Answer {
            external_id: format!("A-{place}"),
            ticket: self.ticket,
            by_agent: self.author == "agent",
            public: self.public == 1,
            body: self.body,
            at: ago(self.days_ago),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_whole() {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let data = register(now).unwrap();
        assert!(
            data.contacts.len() > INVENTED_CUSTOMERS + 50 && data.tickets.len() > INVENTED_CUSTOMERS + 100
        );
        let celebrity = data.tickets.iter().find(|ticket| ticket.number == "18312").unwrap();
        assert_eq!(crate::clock::whole_days_between(celebrity.created_at, now), 42);
        assert!(posts().unwrap().len() >= 90);
    }
}
