//! How many people are expected to hear a statement, always with its arithmetic. Pure.
//!
//! A person without followers still tells others; so nobody counts for nothing. An unknown audience stays unknown: the
//! figure is then a lower bound and says so.

use serde::{Deserialize, Serialize};

/// The assumptions behind the figure. All of them can be changed, and all of them are printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExposureSettings {
    /// Share of an audience that sees a post, 0 to 1.
    pub seen_share: f64,
    /// People who see one repost, on average.
    pub seen_per_share: u64,
    /// People to whom one customer tells a complaint.
    pub told_complaint: u64,
    /// People to whom one customer tells praise.
    pub told_praise: u64,
}

impl Default for ExposureSettings {
    fn default() -> Self {
        ExposureSettings { seen_share: 0.3, seen_per_share: 100, told_complaint: 7, told_praise: 2 }
    }
}

/// An exposure with everything it was computed from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Followers; `None` where unknown.
    pub audience: Option<u64>,
    /// Share of them that sees it.
    pub seen_share: f64,
    /// Reposts.
    pub shares: u64,
    /// People who see one repost.
    pub seen_per_share: u64,
    /// People who are told in person.
    pub told: u64,
    /// People expected to hear it.
    pub expected: u64,
}

impl Exposure {
    /// Computes the figure.
    pub fn compute(settings: &ExposureSettings, audience: Option<u64>, shares: u64, told: u64) -> Exposure {
        let seen_share =
            if settings.seen_share.is_finite() { settings.seen_share.clamp(0.0, 1.0) } else { 0.0 };
        let seen = (audience.unwrap_or(0) as f64 * seen_share).round() as u64;
        let expected =
            seen.saturating_add(shares.saturating_mul(settings.seen_per_share)).saturating_add(told);
        Exposure { audience, seen_share, shares, seen_per_share: settings.seen_per_share, told, expected }
    }

    /// The arithmetic in one line, in Dutch or English.
    pub fn arithmetic(&self, dutch: bool) -> String {
        let percent = format!("{}%", (self.seen_share * 100.0).round());
        let mut terms = Vec::new();
        match (self.audience, dutch) {
            (Some(audience), true) => {
                terms.push(format!("{} volgers × {percent} die het ziet", grouped(audience, true)))
            }
            (Some(audience), false) => {
                terms.push(format!("{} followers × {percent} who see it", grouped(audience, false)))
            }
            (None, true) => terms.push("aantal volgers onbekend".to_owned()),
            (None, false) => terms.push("number of followers unknown".to_owned()),
        }
        if self.shares > 0 {
            terms.push(match dutch {
                true => format!("{} × gedeeld × {}", grouped(self.shares, true), self.seen_per_share),
                false => format!("{} shares × {}", grouped(self.shares, false), self.seen_per_share),
            });
        }
        terms.push(match dutch {
            true => format!("{} aan wie het wordt doorverteld", self.told),
            false => format!("{} who are told in person", self.told),
        });
        let sign = match (self.audience.is_some(), dutch) {
            (true, _) => "=",
            (false, true) => "= ten minste",
            (false, false) => "= at least",
        };
        let people = if dutch { "mensen" } else { "people" };
        format!("{} {sign} {} {people}", terms.join(" + "), grouped(self.expected, dutch))
    }
}

/// A number with its thousands grouped: 40.000 in Dutch, 40,000 in English.
pub fn grouped(number: u64, dutch: bool) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(if dutch { '.' } else { ',' });
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_celebrity_and_a_person_without_followers() {
        let settings = ExposureSettings::default();
        let loud = Exposure::compute(&settings, Some(40_000), 12, settings.told_complaint);
        assert_eq!(loud.expected, 13_207);
        assert_eq!(
            loud.arithmetic(false),
            "40,000 followers × 30% who see it + 12 shares × 100 + 7 who are told in person = 13,207 people"
        );
        let small = Exposure::compute(&settings, Some(0), 0, settings.told_complaint);
        assert_eq!(small.expected, 7);
        let unknown = Exposure::compute(&settings, None, 0, settings.told_complaint);
        assert!(
            unknown.arithmetic(true).contains("onbekend")
                && unknown.arithmetic(true).contains("ten minste 7")
        );
    }

    #[test]
    fn absurd_numbers_do_not_overflow() {
        let settings = ExposureSettings {
            seen_share: f64::NAN,
            seen_per_share: u64::MAX,
            ..ExposureSettings::default()
        };
        assert_eq!(Exposure::compute(&settings, Some(u64::MAX), 2, 7).expected, u64::MAX);
    }
}
