//! From the network's views of posts to mentions. Pure.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

use super::Stream;
use crate::failure::Failure;
use crate::mention::{Author, Engagement, Mention};
use crate::source::Item;
use crate::source::json::{self, Count, envelope, moment};
use crate::source::walk::{Listed, Next};

/// The collection that posts are kept in.
const POSTS: &str = "app.bsky.feed.post";

/// One page of a list.
#[derive(Debug)]
pub(super) struct Listing {
    /// What is new on it.
    pub items: Vec<Item>,
    /// What stands on it, for the walk.
    pub listed: Vec<Listed>,
    /// What the posts answer to.
    pub parents: Vec<String>,
    /// How it goes on.
    pub next: Next,
}

/// Reads a page of `stream`. Posts that `knows` recognises are listed but not returned again.
///
/// # Errors
/// `Malformed` when it is no such page at all. One odd post is quarantined by itself.
pub(super) fn parse(
    body: &str,
    stream: &Stream,
    now: Timestamp,
    knows: impl Fn(&str) -> bool,
) -> Result<Listing, Failure> {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(alias = "notifications", alias = "feed")]
        posts: Vec<Box<RawValue>>,
        #[serde(default, deserialize_with = "lenient")]
        cursor: Option<String>,
    }
    let page: Envelope = envelope(body)?;
    json::not_too_many(page.posts.len())?;
    let (mut listed, mut parents) = (Vec::new(), Vec::new());
    let mut take = |post: PostView, ranked_by: Option<Timestamp>| {
        if !post.is_a_post() {
            return Ok(None);
        }
        let key = post.version();
        let known = knows(&key);
        // A time in the future would lift the watermark over posts to come.
        let rank = ranked_by.map(|at| i128::from(at.min(now).as_millisecond()));
        listed.push(Listed { rank, key });
        if known {
            return Ok(None);
        }
        let mention = post.into_mention()?;
        parents.extend(mention.reply_to.clone());
        json::mention(mention)
    };
    let items = match stream {
        Stream::Search(_) => json::items(page.posts, |post: PostView| {
            let at = post.sorted_at();
            take(post, at)
        }),
        Stream::Notifications => json::items(page.posts, |post: PostView| {
            // Asked for by reason; a server that ignores the filter sends likes and follows too.
            let wanted = matches!(post.reason.as_deref(), Some("mention" | "reply" | "quote"));
            let at = post.indexed_at();
            if wanted { take(post, at) } else { Ok(None) }
        }),
        Stream::Own => json::items(page.posts, |entry: FeedEntry| match entry.reason {
            Some(Reason { kind: Some(kind), .. }) if kind.ends_with("#reasonRepost") => Ok(None),
            Some(_) => take(entry.post, None),
            None => {
                let at = entry.post.sorted_at();
                take(entry.post, at)
            }
        }),
    };
    let next = page.cursor.filter(|cursor| !cursor.is_empty()).map_or(Next::End, Next::Token);
    Ok(Listing { items, listed, parents, next })
}

/// Reads posts that were asked for by their address, and the addresses of all that exist, readable or not.
pub(super) fn parse_posts(body: &str) -> Result<(Vec<Item>, Vec<String>), Failure> {
    #[derive(Deserialize)]
    struct Envelope {
        posts: Vec<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct Address {
        uri: String,
    }
    let page: Envelope = envelope(body)?;
    json::not_too_many(page.posts.len())?;
    let present = page
        .posts
        .iter()
        .filter_map(|raw| Some(serde_json::from_str::<Address>(raw.get()).ok()?.uri))
        .collect();
    let items = json::items(page.posts, |post: PostView| json::mention(post.into_mention()?));
    Ok((items, present))
}

/// Reads who has how many followers.
pub(super) fn parse_profiles(body: &str) -> Result<Vec<(String, Option<u64>)>, Failure> {
    #[derive(Deserialize)]
    struct Envelope {
        profiles: Vec<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Profile {
        did: String,
        #[serde(default, deserialize_with = "lenient")]
        followers_count: Count,
    }
    let page: Envelope = envelope(body)?;
    let read = |raw: &RawValue| serde_json::from_str::<Profile>(raw.get()).ok();
    let profiles = page.profiles.iter().filter_map(|raw| read(raw));
    Ok(profiles.map(|profile| (profile.did, profile.followers_count.0)).collect())
}

/// A post's address, if it is one: `at://did/app.bsky.feed.post/rkey`, as its DID and record key.
pub(super) fn address(uri: &str) -> Option<(&str, &str)> {
    let mut parts = uri.strip_prefix("at://")?.split('/');
    let (did, collection, key) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'~'))
            && !matches!(text, "." | "..")
    };
    let whole = parts.next().is_none() && uri.len() <= 512;
    (whole && collection == POSTS && did.starts_with("did:") && plain(did) && plain(key))
        .then_some((did, key))
}

#[derive(Deserialize)]
struct FeedEntry {
    post: PostView,
    #[serde(default, deserialize_with = "lenient")]
    reason: Option<Reason>,
}

/// Why a post stands in somebody's feed although it was not just written: a repost or a pin.
#[derive(Deserialize)]
struct Reason {
    #[serde(rename = "$type", default, deserialize_with = "lenient")]
    kind: Option<String>,
}

/// A post as lists show it. A notification about a post has the same fields, without the counts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostView {
    uri: String,
    #[serde(default, deserialize_with = "lenient")]
    cid: Option<String>,
    author: Profile,
    record: Record,
    #[serde(default, deserialize_with = "lenient")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    embed: Option<Embed>,
    #[serde(default, deserialize_with = "lenient")]
    like_count: Count,
    #[serde(default, deserialize_with = "lenient")]
    repost_count: Count,
    #[serde(default, deserialize_with = "lenient")]
    quote_count: Count,
    #[serde(default, deserialize_with = "lenient")]
    reply_count: Count,
    #[serde(default, deserialize_with = "lenient")]
    indexed_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    did: String,
    #[serde(default, deserialize_with = "lenient")]
    handle: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(default)]
    text: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    langs: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    reply: Option<Reply>,
    #[serde(default, deserialize_with = "lenient")]
    embed: Option<Embed>,
}

#[derive(Deserialize)]
struct Reply {
    parent: Reference,
}

#[derive(Deserialize)]
struct Reference {
    uri: String,
}

#[derive(Deserialize)]
struct Embed {
    #[serde(rename = "$type")]
    kind: String,
}

impl PostView {
    fn is_a_post(&self) -> bool {
        self.uri.contains("/app.bsky.feed.post/")
    }

    /// The post in its present version.
    fn version(&self) -> String {
        format!("{} {}", self.uri, self.cid.as_deref().unwrap_or_default())
    }

    fn indexed_at(&self) -> Option<Timestamp> {
        moment(self.indexed_at.as_deref()?)
    }

    /// What the network sorts by: the earlier of the author's time and its own.
    fn sorted_at(&self) -> Option<Timestamp> {
        let created = self.record.created_at.as_deref().and_then(moment).filter(|at| at.as_second() > 0);
        match (created, self.indexed_at()) {
            (Some(created), Some(indexed)) => Some(created.min(indexed)),
            (created, indexed) => indexed.or(created),
        }
    }

    fn into_mention(self) -> Result<Mention, String> {
        let (did, key) = address(&self.uri).ok_or("the address of the post is not an at-uri")?;
        let url = format!("https://bsky.app/profile/{did}/post/{key}");
        let at = self.sorted_at();
        let text = self.record.text.ok_or("the post has no text")?;
        let author = Author {
            external_id: self.author.did,
            handle: self.author.handle.filter(|handle| handle != "handle.invalid"),
            display_name: self.author.display_name,
            audience: None,
        };
        let mut mention = Mention::new(self.uri, author, text);
        mention.url = Some(url);
        mention.published_at = at;
        mention.language_hint = self.record.langs.into_iter().next();
        mention.reply_to = self.record.reply.map(|reply| reply.parent.uri);
        mention.has_media =
            [self.embed, self.record.embed].into_iter().flatten().any(|embed| embed.is_media());
        mention.engagement = Engagement {
            likes: self.like_count.0.unwrap_or(0),
            shares: self.repost_count.0.unwrap_or(0).saturating_add(self.quote_count.0.unwrap_or(0)),
            replies: self.reply_count.0.unwrap_or(0),
        };
        Ok(mention)
    }
}

impl Embed {
    /// Pictures and films, alone or beside a quoted post; a link card or a quoted post alone is neither.
    fn is_media(&self) -> bool {
        ["images", "video", "gallery", "recordWithMedia"]
            .iter()
            .any(|kind| self.kind.strip_prefix("app.bsky.embed.").is_some_and(|rest| rest.starts_with(kind)))
    }
}

/// A field that is nice to have: whatever does not fit counts as missing, and the post is kept.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const SEARCH: &str = include_str!("../../../tests/fixtures/bluesky/search_posts.json");
    const NOTIFICATIONS: &str = include_str!("../../../tests/fixtures/bluesky/notifications.json");
    const OWN: &str = include_str!("../../../tests/fixtures/bluesky/author_feed.json");

    fn now() -> Timestamp {
        "2026-11-20T10:00:00Z".parse().unwrap()
    }

    fn listing(body: &str, stream: Stream) -> Listing {
        parse(body, &stream, now(), |_| false).unwrap()
    }

    fn search(body: &str) -> Listing {
        listing(body, Stream::Search("veldnet".into()))
    }

    fn mentions(listing: &Listing) -> Vec<&Mention> {
        super::super::mentions(&listing.items).collect()
    }

    #[test]
    fn a_search_page_gives_whole_mentions() {
        let page = search(SEARCH);
        let mentions = mentions(&page);
        assert_eq!(mentions.len(), 3);
        let first = mentions[0];
        assert_eq!(first.external_id, "at://did:plc:aaaaveldnetklant1/app.bsky.feed.post/3lbxstoring01");
        assert_eq!(
            first.url.as_deref(),
            Some("https://bsky.app/profile/did:plc:aaaaveldnetklant1/post/3lbxstoring01")
        );
        assert_eq!(first.author.handle.as_deref(), Some("noor-test.example"));
        assert_eq!(first.language_hint.as_deref(), Some("nl"));
        assert_eq!(first.engagement, Engagement { likes: 7, shares: 3, replies: 2 });
        assert!(first.has_media && first.reply_to.is_none());
        assert_eq!(page.next, Next::Token("1763632740000__bafyreia".into()));
    }

    #[test]
    fn the_earlier_of_both_times_counts_and_nonsense_does_not() {
        let at = |index: usize| mentions(&search(SEARCH))[index].published_at.map(|at| at.to_string());
        assert_eq!(at(0).as_deref(), Some("2026-11-20T09:58:59.5Z"));
        // Dated into the future by its author.
        assert_eq!(at(1).as_deref(), Some("2026-11-20T09:57:00Z"));
        // No date at all.
        assert_eq!(at(2).as_deref(), Some("2026-11-20T09:55:00Z"));
    }

    #[test]
    fn a_time_in_the_future_does_not_lift_the_watermark() {
        let body = SEARCH.replace("2026-11-20T09:5", "2031-11-20T09:5");
        let present = i128::from(now().as_millisecond());
        assert!(search(&body).listed.iter().all(|listed| listed.rank == Some(present)));
    }

    #[test]
    fn a_reply_names_its_parent() {
        let page = search(SEARCH);
        assert_eq!(page.parents, ["at://did:plc:aaaaveldnetzorg/app.bsky.feed.post/3lbxbericht0"]);
    }

    #[test]
    fn an_unresolved_handle_is_no_handle() {
        assert_eq!(mentions(&search(SEARCH))[2].author.handle, None);
    }

    #[test]
    fn notifications_are_mentions_replies_and_quotes_only() {
        let page = listing(NOTIFICATIONS, Stream::Notifications);
        assert_eq!(mentions(&page).len(), 3);
        assert_eq!(page.items.len(), 3, "likes and follows are no mentions, and nothing is broken");
        assert!(mentions(&page)[2].has_media, "the picture is named in the record");
    }

    #[test]
    fn own_posts_are_returned_and_reposts_are_not() {
        let page = listing(OWN, Stream::Own);
        let texts: Vec<&str> = mentions(&page).iter().map(|mention| mention.text.as_str()).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[1].starts_with("Vervelend"));
        assert_eq!(page.listed[0].rank, None, "a pinned post says nothing about the order");
    }

    #[test]
    fn what_was_returned_before_is_listed_and_not_returned() {
        let all = search(SEARCH);
        let known = all.listed[1].key.clone();
        let again = parse(SEARCH, &Stream::Search("x".into()), now(), |key| key == known).unwrap();
        assert_eq!((again.items.len(), again.listed.len()), (2, 3));
    }

    #[test]
    fn one_damaged_post_never_costs_the_others() {
        let page: Value = serde_json::from_str(SEARCH).unwrap();
        let fields = [
            "/uri",
            "/cid",
            "/author",
            "/author/did",
            "/author/handle",
            "/author/displayName",
            "/record",
            "/record/text",
            "/record/createdAt",
            "/record/langs",
            "/record/reply",
            "/embed",
            "/replyCount",
            "/likeCount",
            "/indexedAt",
        ];
        for field in fields {
            for damage in
                [json!(null), json!(7), json!([["x"]]), json!({"$type": 1}), json!("\u{0}"), json!(-1e300)]
            {
                let mut damaged = page.clone();
                if let Some(target) = damaged["posts"][0].pointer_mut(field) {
                    *target = damage.clone();
                }
                let listing = search(&damaged.to_string());
                let others =
                    mentions(&listing).iter().filter(|m| !m.external_id.ends_with("storing01")).count();
                assert!(others >= 2, "{field} = {damage}");
            }
            let mut missing = page.clone();
            let (parent, name) = field.rsplit_once('/').unwrap();
            missing["posts"][0].pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
            assert!(mentions(&search(&missing.to_string())).len() >= 2, "without {field}");
        }
    }

    #[test]
    fn nice_to_have_fields_cost_nothing_when_they_are_odd() {
        let mut page: Value = serde_json::from_str(SEARCH).unwrap();
        page["posts"][0]["record"]["langs"] = json!("nl");
        page["posts"][0]["likeCount"] = json!("veel");
        page["posts"][0]["embed"] = json!([1]);
        let listing = search(&page.to_string());
        assert_eq!(mentions(&listing)[0].language_hint, None);
        assert_eq!(mentions(&listing).len(), 3);
    }

    #[test]
    fn only_addresses_of_posts_are_addresses() {
        assert_eq!(address("at://did:plc:abc/app.bsky.feed.post/3k"), Some(("did:plc:abc", "3k")));
        for odd in [
            "at://did:plc:abc/app.bsky.feed.like/3k",
            "at://did:plc:abc/app.bsky.feed.post/../../x",
            "at://did:plc:abc/app.bsky.feed.post/..",
            "at://did:plc:abc?x=/app.bsky.feed.post/3k",
            "at://klant.test/app.bsky.feed.post/3k",
            "https://bsky.app/profile/x/post/y",
            "",
        ] {
            assert_eq!(address(odd), None, "{odd}");
        }
    }
}
