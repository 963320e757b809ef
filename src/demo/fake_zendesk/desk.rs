//! The desk itself: users, tickets, comments, and what may be done with them.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::register::{self, Answer, Contact, Problem, ProblemStatus, Ticket};

/// The administrator whose token is used; also the agent who said what agents said.
pub(super) const ADMIN: u64 = 900_001;

/// What a desk holds at the start, in the register's own words.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// Customers.
    pub contacts: Vec<Contact>,
    /// Their tickets.
    pub tickets: Vec<Ticket>,
    /// What was said on them.
    pub answers: Vec<Answer>,
    /// Problems; each becomes a ticket of type *problem*, opened by its owner.
    pub problems: Vec<Problem>,
}

/// A person.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub id: u64,
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub customer_number: Option<String>,
    pub city: Option<String>,
    pub handles: Vec<String>,
    pub is_staff: bool,
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub change: u64,
}

/// A ticket as the desk keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeTicket {
    /// Id.
    pub id: u64,
    /// Our key, on tickets that were opened with one.
    pub external_id: Option<String>,
    /// One line.
    pub subject: String,
    /// The first comment.
    pub description: String,
    /// `problem`, `incident`, `question`, `task`, or none.
    pub kind: Option<String>,
    /// `new`, `open`, `pending`, `hold`, `solved`, `closed`, `deleted`.
    pub status: String,
    /// `low`, `normal`, `high`, `urgent`, or none.
    pub priority: Option<String>,
    /// Who asked.
    pub requester: u64,
    /// Who works on it.
    pub assignee: Option<u64>,
    /// The problem it is linked to.
    pub problem: Option<u64>,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Product.
    pub product: Option<String>,
    /// Workaround, on problems.
    pub workaround: Option<String>,
    /// The requester can see it.
    pub is_public: bool,
    /// Opened.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Solved.
    pub solved_at: Option<Timestamp>,
    /// Number of its last change on this desk.
    pub(super) change: u64,
}

/// A comment.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeComment {
    /// Id.
    pub id: u64,
    /// Who said it.
    pub author: u64,
    /// The words.
    pub body: String,
    /// The requester can see it.
    pub public: bool,
    /// When.
    pub at: Timestamp,
}

/// A mail that a default trigger would have sent to a requester.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// About this ticket.
    pub ticket: u64,
    /// To this user.
    pub to: u64,
}

#[derive(Debug)]
pub(super) struct Desk {
    users: BTreeMap<u64, User>,
    tickets: BTreeMap<u64, FakeTicket>,
    comments: HashMap<u64, Vec<FakeComment>>,
    mails: Vec<Mail>,
    ticket_ids: HashMap<String, u64>,
    user_ids: HashMap<String, u64>,
    pub(super) created: HashMap<String, (Vec<u8>, u64)>,
    changes: u64,
    next_comment: u64,
    epoch: u64,
    latest: Timestamp,
    clock: Option<Clock>,
}

impl Desk {
    pub(super) fn new(data: Data, clock: Option<Clock>) -> Desk {
        let mut desk = Desk {
            users: BTreeMap::new(),
            tickets: BTreeMap::new(),
            comments: HashMap::new(),
            mails: Vec::new(),
            ticket_ids: HashMap::new(),
            user_ids: HashMap::new(),
            created: HashMap::new(),
            changes: 0,
            next_comment: 1,
            epoch: 1,
            latest: Timestamp::UNIX_EPOCH,
            clock,
        };
        desk.hire(ADMIN, "Balie Veldnet", Some("balie@veldnet.example"));
        desk.fill(data);
        desk
    }

    fn fill(&mut self, data: Data) {
        for contact in data.contacts {
            self.add_contact(contact);
        }
        for problem in data.problems {
            self.add_problem(problem);
        }
        let mut tickets = data.tickets;
        tickets.sort_by_key(|ticket| ticket.updated_at);
        for ticket in tickets {
            self.add_ticket(ticket);
        }
        let mut answers = data.answers;
        answers.sort_by_key(|answer| answer.at);
        for answer in answers {
            let Some(ticket) = self.ticket_id(&answer.ticket) else { continue };
            let customer = self.tickets.get(&ticket).map_or(ADMIN, |ticket| ticket.requester);
            let author = if answer.by_agent { ADMIN } else { customer };
            self.say(ticket, author, answer.body, answer.public, answer.at);
        }
    }

    fn add_contact(&mut self, contact: Contact) {
        let id = free_id(&contact.external_id, |id| self.users.contains_key(&id));
        self.user_ids.insert(contact.external_id.clone(), id);
        let since = contact.customer_since.unwrap_or(Timestamp::UNIX_EPOCH);
        self.changes += 1;
        let user = User {
            id,
            name: contact.name,
            email: contact.email,
            phone: contact.phone,
            customer_number: contact.customer_number,
            city: contact.city,
            handles: contact.handles,
            is_staff: false,
            is_active: true,
            created_at: since,
            updated_at: since,
            change: self.changes,
        };
        self.users.insert(id, user);
    }

    fn hire(&mut self, id: u64, name: &str, email: Option<&str>) {
        self.changes += 1;
        let user = User {
            id,
            name: name.to_owned(),
            email: email.map(str::to_owned),
            phone: None,
            customer_number: None,
            city: None,
            handles: Vec::new(),
            is_staff: true,
            is_active: true,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            change: self.changes,
        };
        self.users.insert(id, user);
    }

    fn add_problem(&mut self, problem: Problem) {
        let owner = problem.owner.as_deref().map(|owner| {
            let known =
                self.users.values().find(|user| user.is_staff && user.name == owner).map(|user| user.id);
            known.unwrap_or_else(|| {
                let id = ADMIN + self.users.values().filter(|user| user.is_staff).count() as u64;
                self.hire(id, owner, problem.owner_email.as_deref());
                id
            })
        });
        let id = free_id(&problem.external_id, |id| self.tickets.contains_key(&id));
        self.ticket_ids.insert(problem.external_id, id);
        let status = match problem.status {
            ProblemStatus::Open => "open",
            ProblemStatus::Explained => "hold",
            ProblemStatus::Fixed => "solved",
            ProblemStatus::Closed => "closed",
        };
        self.put_down(FakeTicket {
            id,
            external_id: None,
            subject: problem.title,
            description: problem.description,
            kind: Some("problem".to_owned()),
            status: status.to_owned(),
            priority: Some("normal".to_owned()),
            requester: owner.unwrap_or(ADMIN),
            assignee: owner,
            problem: None,
            tags: Vec::new(),
            product: None,
            workaround: problem.workaround,
            is_public: true,
            created_at: problem.opened_at,
            updated_at: problem.fixed_at.unwrap_or(problem.opened_at),
            solved_at: problem.fixed_at,
            change: 0,
        });
    }

    fn add_ticket(&mut self, ticket: Ticket) {
        let id = free_id(&ticket.external_id, |id| self.tickets.contains_key(&id));
        self.ticket_ids.insert(ticket.external_id, id);
        let problem = ticket.problem.as_deref().and_then(|problem| self.ticket_id(problem));
        let requester = ticket.contact.as_deref().and_then(|contact| self.user_id(contact)).unwrap_or(ADMIN);
        self.put_down(FakeTicket {
            id,
            external_id: None,
            subject: ticket.subject,
            description: ticket.body,
            kind: Some(if problem.is_some() { "incident" } else { "question" }.to_owned()),
            status: ticket.status.name().to_owned(),
            priority: Some(ticket.priority.name().to_owned()),
            requester,
            assignee: Some(ADMIN),
            problem,
            tags: ticket.product.iter().map(|product| product.to_lowercase().replace(' ', "_")).collect(),
            product: ticket.product,
            workaround: None,
            is_public: true,
            created_at: ticket.created_at,
            updated_at: ticket.updated_at,
            solved_at: ticket.solved_at,
            change: 0,
        });
    }

    /// Puts a ticket on the desk with its description as the first comment.
    fn put_down(&mut self, mut ticket: FakeTicket) {
        self.changes += 1;
        ticket.change = self.changes;
        self.latest = self.latest.max(ticket.updated_at);
        let (id, author, body, at) =
            (ticket.id, ticket.requester, ticket.description.clone(), ticket.created_at);
        let public = ticket.is_public;
        self.tickets.insert(id, ticket);
        self.say(id, author, body, public, at);
    }

    fn say(&mut self, ticket: u64, author: u64, body: String, public: bool, at: Timestamp) {
        let comment = FakeComment { id: self.next_comment, author, body, public, at };
        self.next_comment += 1;
        self.latest = self.latest.max(at);
        self.comments.entry(ticket).or_default().push(comment);
    }

    pub(super) fn tickets(&self) -> impl Iterator<Item = &FakeTicket> {
        self.tickets.values()
    }

    pub(super) fn ticket(&self, id: u64) -> Option<&FakeTicket> {
        self.tickets.get(&id)
    }

    pub(super) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    pub(super) fn user(&self, id: u64) -> Option<&User> {
        self.users.get(&id)
    }

    pub(super) fn comments(&self, ticket: u64) -> &[FakeComment] {
        self.comments.get(&ticket).map_or(&[], Vec::as_slice)
    }

    pub(super) fn mails(&self) -> &[Mail] {
        &self.mails
    }

    pub(super) fn ticket_id(&self, external_id: &str) -> Option<u64> {
        self.ticket_ids.get(external_id).copied()
    }

    pub(super) fn user_id(&self, external_id: &str) -> Option<u64> {
        self.user_ids.get(external_id).copied()
    }

    /// Cursors of another epoch are not taken.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn forget_cursors(&mut self) {
        self.epoch += 1;
    }

    /// The moment of the next change, in whole seconds as Zendesk keeps them.
    fn next_moment(&mut self) -> Timestamp {
        let moment = match &self.clock {
            Some(clock) => clock.now(),
            None => self.latest.checked_add(SignedDuration::from_secs(1)).unwrap_or(self.latest),
        };
        let whole = Timestamp::from_second(moment.as_second()).unwrap_or(moment);
        self.latest = self.latest.max(whole);
        whole
    }

    /// Changes a ticket; its time of change and place in the export move with it.
    pub(super) fn change(&mut self, id: u64, change: impl FnOnce(&mut FakeTicket)) {
        let now = self.next_moment();
        let Some(ticket) = self.tickets.get_mut(&id) else { return };
        self.changes += 1;
        change(ticket);
        ticket.updated_at = now;
        ticket.change = self.changes;
        let is_over = matches!(ticket.status.as_str(), "solved" | "closed");
        ticket.solved_at = if is_over { ticket.solved_at.or(Some(now)) } else { None };
    }

    /// The administrator says something. A public comment mails the requester.
    pub(super) fn agent_comments(&mut self, id: u64, body: &str, public: bool) {
        let Some(requester) = self.tickets.get(&id).map(|ticket| ticket.requester) else { return };
        self.change(id, |ticket| ticket.is_public |= public);
        let at = self.latest;
        self.say(id, ADMIN, body.to_owned(), public, at);
        if public {
            self.mails.push(Mail { ticket: id, to: requester });
        }
    }

    pub(super) fn set_status(&mut self, id: u64, status: &str) {
        self.change(id, |ticket| status.clone_into(&mut ticket.status));
    }

    pub(super) fn delete_user(&mut self, id: u64) {
        let now = self.next_moment();
        self.changes += 1;
        let change = self.changes;
        if let Some(user) = self.users.get_mut(&id) {
            user.is_active = false;
            user.updated_at = now;
            user.change = change;
        }
    }

    /// Opens a ticket and returns its id. `fill` completes what is not the same for all.
    pub(super) fn open(
        &mut self,
        requester: u64,
        body: &str,
        public: bool,
        fill: impl FnOnce(&mut FakeTicket),
    ) -> u64 {
        let id = self.tickets.keys().next_back().map_or(1, |last| last + 1);
        let now = self.next_moment();
        let mut ticket = FakeTicket {
            id,
            external_id: None,
            subject: String::new(),
            description: body.to_owned(),
            kind: None,
            status: "new".to_owned(),
            priority: None,
            requester,
            assignee: None,
            problem: None,
            tags: Vec::new(),
            product: None,
            workaround: None,
            is_public: public,
            created_at: now,
            updated_at: now,
            solved_at: None,
            change: 0,
        };
        fill(&mut ticket);
        self.put_down(ticket);
        if let Some(description) = self.comments.get_mut(&id).and_then(|comments| comments.first_mut()) {
            description.author = ADMIN;
        }
        if public {
            self.mails.push(Mail { ticket: id, to: requester });
        }
        id
    }
}

/// The number in a CRM's id where that is free, else the next one above.
fn free_id(external_id: &str, is_taken: impl Fn(u64) -> bool) -> u64 {
    let digits: String =
        register::external_id(external_id).chars().filter(char::is_ascii_digit).take(15).collect();
    let mut id = digits.parse().unwrap_or(1).max(1);
    while is_taken(id) {
        id += 1;
    }
    id
}
