//! Moments as people in the Netherlands say them: local time, the day written out.

use jiff::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;

/// Where our readers are. jiff brings the time zone data along, so it does not depend on the machine.
const ZONE: &str = "Europe/Amsterdam";

const DAYS: [[&str; 2]; 7] = [
    ["maandag", "Monday"],
    ["dinsdag", "Tuesday"],
    ["woensdag", "Wednesday"],
    ["donderdag", "Thursday"],
    ["vrijdag", "Friday"],
    ["zaterdag", "Saturday"],
    ["zondag", "Sunday"],
];

const MONTHS: [[&str; 2]; 12] = [
    ["januari", "January"],
    ["februari", "February"],
    ["maart", "March"],
    ["april", "April"],
    ["mei", "May"],
    ["juni", "June"],
    ["juli", "July"],
    ["augustus", "August"],
    ["september", "September"],
    ["oktober", "October"],
    ["november", "November"],
    ["december", "December"],
];

/// Day and time: "dinsdag 24 november 2026, 11:14".
pub fn moment(at: Timestamp, dutch: bool) -> String {
    let local = local(at);
    let weekday = DAYS[local.weekday().to_monday_zero_offset() as usize][usize::from(!dutch)];
    format!("{weekday} {}, {}", day(at, dutch), clock(&local))
}

/// The day: "24 november 2026".
pub fn day(at: Timestamp, dutch: bool) -> String {
    let local = local(at);
    let month = MONTHS[(local.month() - 1) as usize][usize::from(!dutch)];
    format!("{} {month} {}", local.day(), local.year())
}

/// The time alone when it was on the same day as `now`, else the whole moment.
pub fn since(at: Timestamp, now: Timestamp, dutch: bool) -> String {
    let at_local = local(at);
    if at_local.date() == local(now).date() { clock(&at_local) } else { moment(at, dutch) }
}

fn clock(local: &Zoned) -> String {
    format!("{:02}:{:02}", local.hour(), local.minute())
}

fn local(at: Timestamp) -> Zoned {
    at.to_zoned(TimeZone::get(ZONE).unwrap_or(TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn summer_and_winter_have_their_own_time() {
        assert_eq!(moment(at("2026-11-24T10:14:00Z"), true), "dinsdag 24 november 2026, 11:14");
        assert_eq!(moment(at("2026-07-05T22:30:00Z"), false), "Monday 6 July 2026, 00:30");
    }

    #[test]
    fn today_needs_no_date() {
        let now = at("2026-11-24T10:14:00Z");
        assert_eq!(since(at("2026-11-24T10:02:00Z"), now, true), "11:02");
        assert_eq!(since(at("2026-11-23T16:45:00Z"), now, true), "maandag 23 november 2026, 17:45");
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        assert!(moment(Timestamp::MIN, true).contains("-9999"));
        assert!(moment(Timestamp::MAX, false).contains("9999"));
    }
}
