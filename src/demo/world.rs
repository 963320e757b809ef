//! The public web of the demo: a network with Mastodon's API, a blog with a feed, a review site and a forum, all on one
//! loopback port. The daemon polls it like the real thing; posts appear when they are published.

use std::sync::{Arc, RwLock};

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::story::Post;

/// Posts on one page of the network.
const PAGE: usize = 40;

/// The number before the first post's.
const FIRST_NUMBER: u64 = 110_000_000_000_000_000;

/// What is public so far.
#[derive(Clone, Debug, Default)]
pub struct World {
    published: Arc<RwLock<Vec<Published>>>,
}

/// A post that is public.
#[derive(Clone, Debug)]
struct Published {
    number: u64,
    at: Timestamp,
    post: Post,
}

impl World {
    /// Makes a post public, as said at `at`.
    pub fn publish(&self, post: Post, at: Timestamp) {
        let mut published = self.published.write().expect("nobody panics while publishing");
        let number = FIRST_NUMBER + published.len() as u64 + 1;
        published.push(Published { number, at, post });
    }

    /// How many posts are public.
    pub fn len(&self) -> usize {
        self.published.read().expect("nobody panics while publishing").len()
    }

    /// Nothing is public yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The web server's routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/api/v1/timelines/tag/{tag}", get(tag_timeline))
            .route("/api/v1/statuses", get(statuses))
            .route("/api/v1/statuses/{id}", get(status))
            .route("/api/v2/instance", get(instance))
            .route("/api/v1/instance", get(instance))
            .route("/feed.xml", get(feed))
            .route("/reviews.json", get(reviews))
            .route("/forum.json", get(forum))
            .with_state(self.clone())
    }

    fn of(&self, feed: &str) -> Vec<Published> {
        let published = self.published.read().expect("nobody panics while publishing");
        published.iter().filter(|one| one.post.feed == feed).cloned().collect()
    }

    fn number_of(&self, story_id: &str) -> Option<String> {
        let published = self.published.read().expect("nobody panics while publishing");
        published.iter().find(|one| one.post.id == story_id).map(|one| one.number.to_string())
    }
}

#[derive(Debug, Default, Deserialize)]
struct Paging {
    min_id: Option<u64>,
    max_id: Option<u64>,
    since_id: Option<u64>,
    limit: Option<usize>,
}

/// Newest first; with `min_id` the page right after it (docs: "immediately newer").
async fn tag_timeline(
    State(world): State<World>,
    Path(_): Path<String>,
    Query(paging): Query<Paging>,
) -> Response {
    let limit = paging.limit.unwrap_or(20).min(PAGE);
    let fits = |one: &&Published| {
        one.post.feed == "mastodon"
            && paging.min_id.is_none_or(|id| one.number > id)
            && paging.since_id.is_none_or(|id| one.number > id)
            && paging.max_id.is_none_or(|id| one.number < id)
    };
    let posts: Vec<Published> = {
        let published = world.published.read().expect("nobody panics while publishing");
        match paging.min_id {
            Some(id) => {
                // Numbers rise by one, so the page begins at a known place.
                let from = (id.saturating_sub(FIRST_NUMBER) as usize).min(published.len());
                let mut page: Vec<Published> =
                    published[from..].iter().filter(fits).take(limit).cloned().collect();
                page.reverse();
                page
            }
            None => published.iter().rev().filter(fits).take(limit).cloned().collect(),
        }
    };
    Json(posts.iter().map(|one| world.as_status(one)).collect::<Vec<_>>()).into_response()
}

async fn statuses(State(world): State<World>, uri: axum::http::Uri) -> Response {
    let wanted: Vec<String> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .filter(|(key, _)| key == "id[]")
        .map(|(_, value)| value.into_owned())
        .collect();
    let found: Vec<Value> = world
        .of("mastodon")
        .iter()
        .filter(|one| wanted.contains(&one.number.to_string()))
        .map(|one| world.as_status(one))
        .collect();
    Json(found).into_response()
}

async fn status(State(world): State<World>, Path(id): Path<String>) -> Response {
    match world.of("mastodon").iter().find(|one| one.number.to_string() == id) {
        Some(one) => Json(world.as_status(one)).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({ "error": "Record not found" }))).into_response(),
    }
}

async fn instance() -> Json<Value> {
    Json(json!({ "domain": "sociaal.example", "title": "Sociaal", "version": "4.3.0" }))
}

impl World {
    fn as_status(&self, one: &Published) -> Value {
        let Post { author, text, lang, reply_to, .. } = &one.post;
        let handle = author.handle.trim_start_matches('@');
        let local = handle.strip_suffix("@sociaal.example").unwrap_or(handle);
        let link = format!("https://sociaal.example/@{local}/{}", one.number);
        json!({
            "id": one.number.to_string(),
            "created_at": one.at.to_string(),
            "in_reply_to_id": reply_to.as_deref().and_then(|id| self.number_of(id)),
            "language": lang,
            "uri": link,
            "url": link,
            "content": paragraphs(text),
            "spoiler_text": "",
            "visibility": "public",
            "edited_at": null,
            "reblog": null,
            "replies_count": 0,
            "reblogs_count": author.followers.unwrap_or(0) / 3_000,
            "favourites_count": author.followers.unwrap_or(0) / 400,
            "media_attachments": [],
            "account": {
                "id": format!("9{:010}", handle.bytes().fold(7u64, |sum, byte| (sum * 31 + u64::from(byte)) % 9_999_999_967)),
                "username": local.split('@').next(),
                "acct": local,
                "display_name": author.name,
                "followers_count": author.followers.unwrap_or(0),
                "bot": false,
            },
        })
    }
}

/// A blog's feed, newest first.
async fn feed(State(world): State<World>) -> Response {
    let items: String = world
        .of("blog")
        .iter()
        .rev()
        .map(|one| {
            format!(
                "<item><guid isPermaLink=\"false\">{id}</guid><link>https://columns.example/{id}</link><title>{title}</title>\
                 <author>{author}</author><pubDate>{date}</pubDate><description>{text}</description></item>",
                id = one.post.id,
                title = escaped(one.post.title.as_deref().unwrap_or("")),
                author = escaped(&one.post.author.name),
                date = jiff::fmt::rfc2822::to_string(&one.at.to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default(),
                text = escaped(&paragraphs(&one.post.text)),
            )
        })
        .collect();
    let feed = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><rss version=\"2.0\"><channel><title>Columns</title>\
         <link>https://columns.example/</link><description>Columns</description>{items}</channel></rss>"
    );
    ([(header::CONTENT_TYPE, "application/rss+xml; charset=utf-8")], feed).into_response()
}

async fn reviews(State(world): State<World>) -> Json<Value> {
    let reviews: Vec<Value> = world
        .of("reviews")
        .iter()
        .rev()
        .map(|one| {
            json!({
                "id": one.post.id,
                "stars": one.post.rating,
                "title": one.post.title,
                "text": one.post.text,
                "at": one.at.to_string(),
                "by": { "id": one.post.author.handle, "name": one.post.author.name },
                "link": format!("https://reviews.example/veldnet/{}", one.post.id),
            })
        })
        .collect();
    Json(json!({ "reviews": reviews }))
}

async fn forum(State(world): State<World>) -> Json<Value> {
    let posts: Vec<Value> = world
        .of("bluesky")
        .iter()
        .rev()
        .map(|one| {
            json!({
                "id": one.post.id,
                "text": one.post.text,
                "at": one.at.to_string(),
                "language": one.post.lang,
                "reply_to": one.post.reply_to,
                "by": { "id": one.post.author.handle, "name": one.post.author.name, "followers": one.post.author.followers },
                "link": format!("https://forum.example/p/{}", one.post.id),
            })
        })
        .collect();
    Json(json!({ "posts": posts }))
}

fn paragraphs(text: &str) -> String {
    format!("<p>{}</p>", escaped(text).replace("\n\n", "</p><p>").replace('\n', "<br>"))
}

/// Text as XML and HTML take it. XML knows no control characters, so they are left out there.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            _ if character.is_control() => {}
            _ => escaped.push(character),
        }
    }
    escaped
}
