//! Moments as people, spreadsheets and databases write them.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads and writes moments of one register.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    zone: TimeZone,
    format: Option<String>,
}

impl Moments {
    /// Reads local times in the time zone of that name (IANA), and a form of the operator's own (as `strptime`) first.
    ///
    /// # Errors
    /// As "key: what is wrong; what to do".
    pub(super) fn new(zone: &str, format: Option<&str>) -> Result<Moments, String> {
        let zone = TimeZone::get(zone)
            .map_err(|_| "time_zone: is unknown; use a name such as Europe/Amsterdam or UTC".to_owned())?;
        Ok(Moments { zone, format: format.map(str::to_owned) })
    }

    /// The moment a text stands for: ISO 8601 with or without zone, `dd-mm-yyyy` with or without a time (also with `/` or
    /// `.`), `yyyymmdd`, seconds or milliseconds since 1970, or the day number of a spreadsheet, decimal comma included.
    pub(super) fn read(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        if text.len() > 64 {
            return None;
        }
        self.own_form(text)
            .or_else(|| text.parse::<Timestamp>().ok())
            .or_else(|| self.local(iso(text)?))
            .or_else(|| self.local(day_first(text)?))
            .or_else(|| self.number(text))
    }

    /// A moment as a text for a comparison in SQL: local time without zone, with a fraction only where there is one.
    pub(super) fn sql(&self, moment: Timestamp) -> String {
        let local = self.zone.to_datetime(moment);
        if local.subsec_nanosecond() == 0 {
            local.strftime("%Y-%m-%d %H:%M:%S").to_string()
        } else {
            local.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
        }
    }

    /// Whether the local time of a moment comes twice, as it does when the clock goes back in autumn.
    pub(super) fn comes_twice(&self, moment: Timestamp) -> bool {
        let local = self.zone.to_datetime(moment);
        self.zone.to_ambiguous_timestamp(local).is_ambiguous()
    }

    fn own_form(&self, text: &str) -> Option<Timestamp> {
        let read = BrokenDownTime::parse(self.format.as_deref()?, text).ok()?;
        if let Ok(moment) = read.to_timestamp() {
            return Some(moment);
        }
        self.local(
            read.to_datetime()
                .or_else(|_| read.to_date().map(|date| date.to_datetime(jiff::civil::Time::midnight())))
                .ok()?,
        )
    }

    fn local(&self, local: DateTime) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(local).compatible().ok()
    }

    fn number(&self, text: &str) -> Option<Timestamp> {
        let text = text.replacen(',', ".", 1);
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        if whole.is_empty() || ![whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()))
        {
            return None;
        }
        let number: i64 = whole.parse().ok()?;
        let part: f64 = format!("0.{fraction}0").parse().ok()?;
        match whole.len() {
            5 => {
                let day_zero = Date::new(1899, 12, 30).ok()?.to_datetime(jiff::civil::Time::midnight());
                let seconds = number * 86_400 + (part * 86_400.0).round() as i64;
                self.local(day_zero.checked_add(SignedDuration::from_secs(seconds)).ok()?)
            }
            8 if fraction.is_empty() => {
                let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
                let date =
                    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
                self.local(date.to_datetime(jiff::civil::Time::midnight()))
            }
            9..=11 => Timestamp::new(number, (part * 1e9) as i32).ok(),
            12..=14 => Timestamp::from_millisecond(number).ok(),
            _ => None,
        }
    }
}

/// ISO 8601 without a zone; the time may lack its seconds.
fn iso(text: &str) -> Option<DateTime> {
    let is_iso = text.as_bytes().get(4) == Some(&b'-') && !text.ends_with(['Z', 'z']);
    text.parse().ok().filter(|_| is_iso)
}

/// `dd-mm-yyyy`, `dd/mm/yyyy` or `dd.mm.yyyy`, with `hh:mm` or `hh:mm:ss` behind it or not.
fn day_first(text: &str) -> Option<DateTime> {
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, time.trim()),
        None => (text, "00:00"),
    };
    let mut numbers = date.split(['-', '/', '.']).map(|part| part.parse::<i16>().ok());
    let (day, month, year) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if numbers.next().is_some() || year < 1000 {
        return None;
    }
    let mut clock = time.split([':', '.']).map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    DateTime::new(year, month.try_into().ok()?, day.try_into().ok()?, hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amsterdam() -> Moments {
        Moments::new("Europe/Amsterdam", None).unwrap()
    }

    #[test]
    fn moments_in_every_form() {
        for (text, expected) in [
            ("2026-03-01T10:00:00Z", Some("2026-03-01T10:00:00Z")),
            ("2026-03-01T10:00:00.25+01:00", Some("2026-03-01T09:00:00.25Z")),
            ("2026-03-01 10:00:00", Some("2026-03-01T09:00:00Z")),
            ("2026-03-01T10:00", Some("2026-03-01T09:00:00Z")),
            ("2026-03-01", Some("2026-02-28T23:00:00Z")),
            ("01-07-2026", Some("2026-06-30T22:00:00Z")),
            ("1-7-2026 9:05", Some("2026-07-01T07:05:00Z")),
            ("01/07/2026 09:05:10", Some("2026-07-01T07:05:10Z")),
            ("20260301", Some("2026-02-28T23:00:00Z")),
            ("1772359200", Some("2026-03-01T10:00:00Z")),
            ("1772359200123", Some("2026-03-01T10:00:00.123Z")),
            ("46082,5", Some("2026-03-01T11:00:00Z")),
            ("31-02-2026", None),
            ("07-01-26", None),
            ("gisteren", None),
            ("", None),
            ("99999999999999999999", None),
            ("infinity", None),
        ] {
            let read = amsterdam().read(text).map(|moment| moment.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_form_of_the_operators_own_comes_first() {
        let american = Moments::new("UTC", Some("%m/%d/%Y")).unwrap();
        assert_eq!(american.read("07/01/2026").unwrap().to_string(), "2026-07-01T00:00:00Z");
        assert_eq!(american.read("2026-07-01").unwrap().to_string(), "2026-07-01T00:00:00Z");
    }

    #[test]
    fn the_hour_that_comes_twice_is_known() {
        let in_it: Timestamp = "2026-10-25T00:30:00Z".parse().unwrap();
        assert!(amsterdam().comes_twice(in_it));
        assert!(!amsterdam().comes_twice("2026-10-25T02:30:00Z".parse().unwrap()));
        assert_eq!(amsterdam().sql(in_it), "2026-10-25 02:30:00");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,30}|[0-9:., TZ/+-]{0,30}") {
            let _ = amsterdam().read(&text);
        }

        #[test]
        fn what_is_written_for_sql_is_read_back(millis in 0_i64..4_000_000_000_000) {
            let utc = Moments::new("UTC", None).unwrap();
            let moment = Timestamp::from_millisecond(millis).unwrap();
            prop_assert_eq!(utc.read(&utc.sql(moment)), Some(moment));
        }
    }
}
