//! Every kind of source: how to configure it against the scripted server, and how its pages look.
//!
//! Values are raw JSON tokens, so that a test can put anything in their place. Every secret in a configuration is one of
//! [`SECRETS`], every word a person said or is called one of [`PRIVATE`]: neither may show up where it does not belong.

use gehoord::config::secret::Secret;
use gehoord::source::{self, SourceConfig};

use super::server::{Answer, Recorded};

/// What stands in configurations and logins as a secret.
pub const SECRETS: [&str; 5] = [
    "kanarieSleutel1een",
    "kanarieSleutel2twee",
    "kanarieSleutel3drie",
    "kanarieJwt4toegang",
    "kanarieJwt5vernieuwing",
];
/// Names and words of people.
pub const PRIVATE: [&str; 3] = ["Wieteke Kanariedochter", "kanariegele klacht", "612345678"];

/// One statement, as raw JSON tokens.
#[derive(Clone, Debug)]
pub struct Post {
    pub id: String,
    pub name: String,
    pub text: String,
    pub at: String,
}

/// A text as a JSON token.
pub fn token(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A kind of source.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub config: fn(&str) -> SourceConfig,
    /// The `n`-th id as this kind writes ids; they rise.
    pub id: fn(u64) -> String,
    /// A page with these statements, the newest first.
    pub page: fn(&[Post]) -> String,
    /// Whether a request is for the list of statements.
    is_list: fn(&Recorded) -> bool,
}

impl Kind {
    /// The `n`-th statement: later ones are newer.
    pub fn post(&self, n: u64) -> Post {
        let start: jiff::Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
        let at = start + std::time::Duration::from_secs(n);
        Post {
            id: token(&(self.id)(n)),
            name: token(PRIVATE[0]),
            text: token(&format!("{} nummer {n}", PRIVATE[1])),
            at: token(&at.to_string()),
        }
    }

    /// A page with the statements of these numbers.
    pub fn page_of(&self, numbers: impl IntoIterator<Item = u64>) -> String {
        let mut posts: Vec<Post> = numbers.into_iter().map(|n| self.post(n)).collect();
        posts.reverse();
        (self.page)(&posts)
    }

    /// What a well-behaved peer answers, whose list holds the statements of these numbers, few enough for one page.
    pub fn answer(&self, request: &Recorded, numbers: impl IntoIterator<Item = u64>) -> Answer {
        if !self.is_list(request) {
            return self.aside(request);
        }
        let after: u64 = request.query("min_id").and_then(|id| id.parse().ok()).unwrap_or(0);
        let is_after = |n: &u64| after == 0 || (self.id)(*n).parse().is_ok_and(|id: u64| id > after);
        let numbers = numbers.into_iter().filter(|n| self.is_top(request) && is_after(n));
        Answer::json(self.page_of(numbers))
    }

    pub fn is_list(&self, request: &Recorded) -> bool {
        (self.is_list)(request)
    }

    /// Whether a request asks for the top of the list (or for its beginning), not for a further page.
    pub fn is_top(&self, request: &Recorded) -> bool {
        let further = ["max_id", "cursor"].iter().any(|name| request.query(name).is_some());
        let page = request.query("page").or_else(|| {
            request.path().split('/').find_map(|part| part.strip_prefix("page=")).map(str::to_owned)
        });
        self.is_list(request) && !further && page.is_none_or(|page| matches!(page.as_str(), "0" | "1"))
    }

    /// A good answer to whatever is no list: logins, removals, profiles.
    pub fn aside(&self, request: &Recorded) -> Answer {
        let path = request.path();
        Answer::json(if path.ends_with("createSession") || path.ends_with("refreshSession") {
            format!(r#"{{"did":"did:plc:wij","accessJwt":"{}","refreshJwt":"{}"}}"#, SECRETS[3], SECRETS[4])
        } else if path.ends_with("getProfiles") {
            r#"{"profiles":[]}"#.to_owned()
        } else if path.ends_with("getPosts") {
            r#"{"posts":[]}"#.to_owned()
        } else if path.ends_with("accesstoken") {
            format!(r#"{{"access_token":"{}","expires_in":"360000"}}"#, SECRETS[3])
        } else {
            "[]".to_owned()
        })
    }
}

fn listed(open: &str, posts: &[Post], close: &str, post: impl Fn(&Post) -> String) -> String {
    let posts: Vec<String> = posts.iter().map(post).collect();
    format!("{open}{}{close}", posts.join(","))
}

/// All kinds that ask somebody.
pub const KINDS: [Kind; 7] = [RSS, MASTODON, BLUESKY, APP_STORE, TRUSTPILOT, KIYOH, HTTP_JSON];

pub const RSS: Kind = Kind {
    name: "rss",
    config: |url| {
        SourceConfig::Rss(source::rss::Config { urls: vec![format!("{url}/feed?key={}", SECRETS[0])] })
    },
    id: |n| format!("urn:veldnet:{n}"),
    page: |posts| {
        let open = r#"{"version":"https://jsonfeed.org/version/1.1","title":"Klachten","items":["#;
        listed(open, posts, "]}", |Post { id, name, text, at }| {
            format!(
                r#"{{"id":{id},"content_text":{text},"date_published":{at},"authors":[{{"name":{name}}}]}}"#
            )
        })
    },
    is_list: |_| true,
};

pub const MASTODON: Kind = Kind {
    name: "mastodon",
    config: |url| {
        SourceConfig::Mastodon(source::mastodon::Config {
            base_url: url.to_owned(),
            token: Some(Secret::new(SECRETS[0])),
            mentions: true,
            own_account_id: Some("1".into()),
            ..Default::default()
        })
    },
    // Notifications are paged by their own ids, so both rise alike.
    id: |n| (115_580_000_000_000_000 + n * 1000).to_string(),
    page: |posts| {
        listed("[", posts, "]", |Post { id, name, text, at }| {
            format!(
                r#"{{"id":{id},"type":"mention","status":{{"id":{id},"account":{{"id":"7","acct":"wieteke","display_name":{name},
                "followers_count":3}},"created_at":{at},"content":{text},"visibility":"public","media_attachments":[]}}}}"#
            )
        })
    },
    is_list: |request| request.path().ends_with("/notifications"),
};

pub const BLUESKY: Kind = Kind {
    name: "bluesky",
    config: |url| {
        SourceConfig::Bluesky(source::bluesky::Config {
            service: url.to_owned(),
            identifier: "webcare.veldnet.example".into(),
            app_password: Some(Secret::new(SECRETS[0])),
            search: vec!["veldnet".into()],
            notifications: false,
            appview: None,
        })
    },
    id: |n| format!("at://did:plc:klant/app.bsky.feed.post/3k{n}"),
    page: |posts| {
        listed(r#"{"posts":["#, posts, "]}", |Post { id, name, text, at }| {
            format!(
                r#"{{"uri":{id},"cid":"c1","author":{{"did":"did:plc:klant","handle":"w.example","displayName":{name}}},
                "record":{{"text":{text},"createdAt":{at},"langs":["nl"]}},"indexedAt":{at}}}"#
            )
        })
    },
    is_list: |request| request.path().ends_with("searchPosts"),
};

pub const APP_STORE: Kind = Kind {
    name: "app_store",
    config: |url| {
        SourceConfig::AppStore(source::app_store::Config {
            base_url: url.to_owned(),
            apps: vec!["4400".into()],
            countries: vec!["nl".into()],
            ..Default::default()
        })
    },
    id: |n| (12_000_000_000 + n).to_string(),
    page: |posts| {
        listed(r#"{"feed":{"entry":["#, posts, "]}}", |Post { id, name, text, at }| {
            format!(
                r#"{{"author":{{"uri":{{"label":"https://itunes.apple.com/nl/reviews/id7"}},"name":{{"label":{name}}}}},
                "updated":{{"label":{at}}},"im:rating":{{"label":"1"}},"id":{{"label":{id}}},"title":{{"label":"Titel"}},
                "content":{{"label":{text}}}}}"#
            )
        })
    },
    is_list: |_| true,
};

pub const TRUSTPILOT: Kind = Kind {
    name: "trustpilot",
    config: |url| {
        SourceConfig::Trustpilot(source::trustpilot::Config {
            base_url: url.to_owned(),
            business_units: vec!["5f0000000000000000000001".into()],
            api_key: Some(Secret::new(SECRETS[0])),
            api_secret: Some(Secret::new(SECRETS[1])),
            ..Default::default()
        })
    },
    id: |n| format!("6a{n:022}"),
    page: |posts| {
        listed(r#"{"reviews":["#, posts, "]}", |Post { id, name, text, at }| {
            format!(
                r#"{{"id":{id},"stars":1,"title":"Titel","text":{text},"language":"nl","createdAt":{at},
                "consumer":{{"id":"7b","displayName":{name}}}}}"#
            )
        })
    },
    is_list: |request| request.path().ends_with("/reviews"),
};

pub const KIYOH: Kind = Kind {
    name: "kiyoh",
    config: |url| {
        SourceConfig::Kiyoh(source::kiyoh::Config {
            base_url: url.to_owned(),
            locations: vec![source::kiyoh::Location { id: "1099001".into(), token: Secret::new(SECRETS[0]) }],
            ..Default::default()
        })
    },
    id: |n| format!("3f6c1e10-0000-4000-8000-{n:012}"),
    page: |posts| {
        listed(
            r#"{"locationName":"Veldnet Zwolle","reviews":["#,
            posts,
            "]}",
            |Post { id, name, text, at }| {
                format!(
                    r#"{{"reviewId":{id},"reviewAuthor":{name},"rating":3,"reviewContent":[{{"questionGroup":"DEFAULT_OPINION",
                "questionType":"TEXT","rating":{text},"order":1,"questionTranslation":"Uw mening"}}],"dateSince":{at},
                "updatedSince":{at},"reviewLanguage":"nl"}}"#
                )
            },
        )
    },
    is_list: |request| request.path().ends_with("/external"),
};

pub const HTTP_JSON: Kind = Kind {
    name: "http_json",
    config: |url| http_json(url, "/posts?cursor={cursor}", "paging = { kind = 'cursor', filter = '.next' }"),
    id: |n| n.to_string(),
    page: |posts| {
        listed(r#"{"posts":["#, posts, "]}", |Post { id, name, text, at }| {
            format!(r#"{{"id":{id},"text":{text},"by":{name},"at":{at}}}"#)
        })
    },
    is_list: |_| true,
};

/// A JSON interface with this address and these further settings.
pub fn http_json(url: &str, path: &str, settings: &str) -> SourceConfig {
    let text = format!(
        "url = '{url}{path}'\nitems = '.posts'\nauth = {{ kind = 'bearer', token = '{}' }}\nheaders = {{ X-Key = '{}' }}\n\
         {settings}\n[map]\nid = '.id'\ntext = '.text'\nauthor_name = '.by'\npublished_at = '.at'\n",
        SECRETS[0], SECRETS[1]
    );
    SourceConfig::HttpJson(toml::from_str(&text).unwrap())
}
