//! For the tests of every register: reading it to the end of a pass.

use crate::failure::Failure;
use crate::register::RegisterPage;

/// More pages than any test's register has.
const PAGES_MAX: usize = 10_000;

/// Reads from `cursor` until a pass is complete. Returns everything that came, and where it ended.
pub async fn whole(
    read: impl AsyncFn(String) -> Result<RegisterPage, Failure>,
    cursor: &str,
) -> (RegisterPage, String) {
    let (mut all, mut cursor) = (RegisterPage::default(), cursor.to_owned());
    for _ in 0..PAGES_MAX {
        let page = read(cursor).await.expect("the register is read");
        all.contacts.extend(page.contacts);
        all.tickets.extend(page.tickets);
        all.answers.extend(page.answers);
        all.problems.extend(page.problems);
        all.deleted_tickets.extend(page.deleted_tickets);
        all.rejected.extend(page.rejected);
        cursor = page.cursor;
        if page.complete {
            return (all, cursor);
        }
    }
    panic!("a pass comes to its end");
}
