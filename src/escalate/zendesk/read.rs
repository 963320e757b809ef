//! Reading: users, then tickets, then what was said on the tickets that changed. One page's worth of work a call.
//!
//! Zendesk's cursors are opaque and are kept as they came. A cursor that Zendesk no longer takes is replaced by the time
//! of the last complete export less an hour; items then come back a second time, which the mirror does not mind. Nothing
//! here compares a cursor with `updated_at`: system changes bring a ticket back with an older one.

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::{Zendesk, refusal, wire};
use crate::failure::Failure;
use crate::register::RegisterPage;
use crate::source::client::Response;

/// Tickets whose comments are read in one call.
const TICKETS_PER_READ: usize = 10;
/// How far before the last complete export a restart begins, in seconds.
const RESTART_OVERLAP_SECS: i64 = 3600;
/// What Zendesk answers to a cursor that it no longer takes.
const CURSOR_REFUSED: &[u16] = &[400, 404, 410, 422];

/// Where reading stands.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    users: Stream,
    tickets: Stream,
    /// The ticket export comes next; otherwise the user export.
    users_done: bool,
    /// The ticket export has reached its end in this pass.
    tickets_done: bool,
    /// Tickets whose comments are still to be read, the next one last.
    discussed: Vec<String>,
    /// Where in the comments of the next ticket.
    comments_after: Option<String>,
}

/// Where an export stands.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Stream {
    after: Option<String>,
    /// When the export was last complete, in seconds since 1970.
    complete_at: Option<i64>,
}

/// Reads the page after `cursor`.
pub(super) async fn page(zendesk: &Zendesk, cursor: &str, now: Timestamp) -> Result<RegisterPage, Failure> {
    let mut cursor: Cursor = serde_json::from_str(cursor).unwrap_or_default();
    let mut page = RegisterPage::default();
    if !cursor.discussed.is_empty() {
        read_comments(zendesk, &mut cursor, &mut page).await?;
    } else if !cursor.users_done {
        read_users(zendesk, &mut cursor, &mut page, now).await?;
    } else {
        read_tickets(zendesk, &mut cursor, &mut page, now).await?;
    }
    if cursor.tickets_done && cursor.discussed.is_empty() {
        page.complete = true;
        cursor.users_done = false;
        cursor.tickets_done = false;
    }
    page.cursor = serde_json::to_string(&cursor).expect("our own types are always JSON");
    Ok(page)
}

async fn read_users(
    zendesk: &Zendesk,
    cursor: &mut Cursor,
    page: &mut RegisterPage,
    now: Timestamp,
) -> Result<(), Failure> {
    // Somebody who registered years ago may complain today: the first export of users takes all of them.
    let response = export(zendesk, "users", "identities", &mut cursor.users, 0).await?;
    let position = wire::users(&response.text(), zendesk, page)?;
    cursor.users_done = go_on(&mut cursor.users, position, now)?;
    Ok(())
}

async fn read_tickets(
    zendesk: &Zendesk,
    cursor: &mut Cursor,
    page: &mut RegisterPage,
    now: Timestamp,
) -> Result<(), Failure> {
    let oldest = now.as_second() - i64::from(zendesk.config.history_days) * 86_400;
    let response =
        export(zendesk, "tickets", "users,dates,comment_count", &mut cursor.tickets, oldest).await?;
    let (position, mut discussed) = wire::tickets(&response.text(), zendesk, page)?;
    if zendesk.config.answers {
        discussed.reverse();
        cursor.discussed = discussed;
    }
    cursor.tickets_done = go_on(&mut cursor.tickets, position, now)?;
    Ok(())
}

/// Asks for one page of an export. `first_secs`: where the very first export begins.
async fn export(
    zendesk: &Zendesk,
    what: &str,
    include: &str,
    stream: &mut Stream,
    first_secs: i64,
) -> Result<Response, Failure> {
    let request = zendesk
        .request(Method::GET, &["incremental", what, "cursor.json"])?
        .query("per_page", &zendesk.config.page_size.to_string())
        .query("include", include);
    if let Some(after) = &stream.after {
        let known = request.clone().query("cursor", after).accepting(CURSOR_REFUSED);
        let response = zendesk.send(known).await?;
        if response.status < 400 {
            return Ok(response);
        }
        stream.after = None;
    }
    let start = stream.complete_at.map_or(first_secs, |at| at - RESTART_OVERLAP_SECS).max(0);
    let anew = request.query("start_time", &start.to_string()).accepting(CURSOR_REFUSED);
    let response = zendesk.send(anew).await?;
    if response.status >= 400 {
        return Err(refusal(&response, &format!("the incremental export of {what}")));
    }
    Ok(response)
}

/// Moves a stream behind the page that was read, and says whether it has come to its end.
fn go_on(stream: &mut Stream, position: wire::Position, now: Timestamp) -> Result<bool, Failure> {
    // The same cursor again means that nothing lies behind it, whatever the flag says.
    let is_end = position.is_end || (position.after.is_some() && position.after == stream.after);
    if position.after.is_none() && !is_end {
        return Err(Failure::malformed("Zendesk says that an export goes on, but not where"));
    }
    stream.after = position.after.or(stream.after.take());
    if is_end {
        stream.complete_at = Some(now.as_second());
    }
    Ok(is_end)
}

async fn read_comments(
    zendesk: &Zendesk,
    cursor: &mut Cursor,
    page: &mut RegisterPage,
) -> Result<(), Failure> {
    for done in 0..TICKETS_PER_READ {
        let Some(ticket) = cursor.discussed.last().cloned() else { break };
        match comment_page(zendesk, &ticket, cursor.comments_after.as_deref(), page).await {
            Ok(Some(after)) if cursor.comments_after.as_deref() != Some(after.as_str()) => {
                cursor.comments_after = Some(after);
            }
            Ok(_) => {
                cursor.comments_after = None;
                cursor.discussed.pop();
            }
            Err(failure) if done == 0 => return Err(failure),
            // What was read is kept; the next call meets the failure again if it stays.
            Err(_) => break,
        }
    }
    Ok(())
}

async fn comment_page(
    zendesk: &Zendesk,
    ticket: &str,
    after: Option<&str>,
    page: &mut RegisterPage,
) -> Result<Option<String>, Failure> {
    let mut request = zendesk
        .request(Method::GET, &["tickets", ticket, "comments.json"])?
        .query("include", "users")
        .query("page[size]", "100")
        .accepting(&[404, 410]);
    if let Some(after) = after {
        request = request.query("page[after]", after);
    }
    let response = zendesk.send(request).await?;
    if response.status >= 400 {
        // Deleted since the export; the next export says so.
        return Ok(None);
    }
    wire::comments(&response.text(), ticket, after.is_none(), page)
}
