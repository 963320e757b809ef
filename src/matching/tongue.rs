//! What a text is written in, as far as that is seen at once: enough to know whether two texts share a language.

use whichlang::Lang;

/// A shorter text tells its language by chance only.
const CHARACTERS_MIN: usize = 12;

/// A language, for comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tongue {
    /// Dutch.
    Dutch,
    /// English.
    English,
    /// Another language, or too short to say.
    Other,
}

impl Tongue {
    /// The language of a text.
    pub(super) fn of(text: &str) -> Tongue {
        let end = text.char_indices().nth(400).map_or(text.len(), |(at, _)| at);
        if text.chars().take(CHARACTERS_MIN).count() < CHARACTERS_MIN {
            return Tongue::Other;
        }
        match whichlang::detect_language(&text[..end]) {
            Lang::Nld => Tongue::Dutch,
            Lang::Eng => Tongue::English,
            _ => Tongue::Other,
        }
    }

    /// Both are known, and they differ.
    pub(super) fn differs(self, other: Tongue) -> bool {
        self != other && self != Tongue::Other && other != Tongue::Other
    }
}
