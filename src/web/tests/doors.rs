//! Who comes in, and what every answer looks like.

use super::*;
use axum::http::header;

/// Pages that must be closed to strangers.
const CLOSED: [&str; 8] =
    ["/", "/cases/1", "/mentions/m-1", "/alerts/x", "/sources", "/outbox", "/report", "/metrics"];
const OPEN: [&str; 3] = ["/livez", "/login", "/static/style.css"];

fn api(path: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::get(path).header("host", "gehoord.example");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

fn post(path: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .header("host", "gehoord.example")
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

async fn locked() -> TestSite {
    TestSite::with_web(&format!("token = '{TOKEN}'\npublic_url = 'https://gehoord.example/'")).await
}

#[tokio::test]
async fn a_page_on_this_machine_answers_to_its_own_names_only() {
    let test = TestSite::with_web("public_url = 'http://klacht.intern:8470'").await;
    for (host, status) in [
        ("localhost:8470", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:8470", 200),
        ("[::1]:8470", 200),
        ("klacht.intern", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("a b", 421),
        ("0.0.0.0", 421),
    ] {
        let request = Request::get("/").header("host", host).body(Body::empty()).unwrap();
        assert_eq!(test.send(request).await.status.as_u16(), status, "{host:?}");
    }
    let nameless = test.send(Request::get("/").body(Body::empty()).unwrap()).await;
    assert_eq!(nameless.status.as_u16(), 400);
    let two = Request::get("/").header("host", "localhost").header("host", "localhost").body(Body::empty());
    assert_eq!(test.send(two.unwrap()).await.status.as_u16(), 400);
    let absolute = Request::get("http://evil.example/").header("host", "localhost").body(Body::empty());
    assert_eq!(test.send(absolute.unwrap()).await.status.as_u16(), 421);
    let metrics = Request::get("/metrics").header("host", "evil.example").body(Body::empty());
    assert_eq!(test.send(metrics.unwrap()).await.status.as_u16(), 421);
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_a_browser_safe() {
    let test = TestSite::open().await;
    test.known_case().await;
    let mut paths: Vec<(&str, u16)> = CLOSED.iter().map(|path| (*path, 0)).collect();
    paths.extend(OPEN.map(|path| (path, 0)));
    paths.extend([
        ("/nothing/here", 404),
        ("/cases/999", 404),
        ("/cases/x", 404),
        ("/readyz", 200),
        ("/mailbox", 200),
    ]);
    for (path, status) in paths {
        let reply = test.get(path).await;
        if status > 0 {
            assert_eq!(reply.status.as_u16(), status, "{path}");
        }
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'") && !policy.contains("script"),
            "{path}"
        );
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        let kept =
            if path.starts_with("/static/") { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(reply.header("cache-control"), kept, "{path}");
    }
}

#[tokio::test]
async fn without_the_token_everything_but_life_is_closed() {
    let test = locked().await;
    for path in CLOSED {
        let reply = test.send(api(path, None)).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(reply.header("www-authenticate"), "Bearer", "{path}");
        let browser = test.get(path).await;
        assert_eq!(browser.status, StatusCode::SEE_OTHER, "{path}");
        assert!(browser.header("location").starts_with("/login?next=%2F"), "{path}");
        assert_eq!(test.send(api(path, Some("geraden"))).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for path in OPEN {
        assert_eq!(test.send(api(path, None)).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(test.send(api("/", Some(TOKEN))).await.status, StatusCode::OK);
    assert!(test.send(api("/metrics", Some(TOKEN))).await.text.contains("gehoord_cases_open 0"));
}

#[tokio::test]
async fn strangers_learn_whether_it_is_ready_and_nothing_else() {
    let test = locked().await;
    let short = test.send(api("/readyz", None)).await;
    assert_eq!((short.status.as_u16(), short.text.as_str()), (200, r#"{"ready":true}"#));
    let full = test.send(api("/readyz", Some(TOKEN))).await;
    for word in [
        "\"database\":\"answers\"",
        "\"pipeline\":\"moves\"",
        "was never read completely",
        "effects_given_up",
    ] {
        assert!(full.text.contains(word), "{word} in {}", full.text);
    }
}

#[tokio::test]
async fn a_pipeline_that_stands_still_is_not_ready() {
    let test = TestSite::open().await;
    test.hear(vec![Mention::new("m-1", author("a", "A", None), "storing")]).await;
    assert_eq!(test.get("/readyz").await.status, StatusCode::OK);
    test.clock.advance(Duration::from_secs(16 * 60));
    let reply = test.get("/readyz").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        reply.text.contains("stands still") && reply.text.contains("\"oldest_undecided_seconds\":960"),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn an_address_that_guesses_is_shut_out_for_a_while_and_others_are_not() {
    let test = locked().await;
    for _ in 0..10 {
        let reply = test.send_from("192.0.2.7", api("/", Some("geraden"))).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
    // Even the right token is not compared now, or guessing would only be slower to read.
    for token in ["geraden", TOKEN] {
        let reply = test.send_from("192.0.2.7", api("/", Some(token))).await;
        assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let form = test.send_from("192.0.2.7", post("/login", &format!("token={TOKEN}"))).await;
    assert_eq!(form.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(test.send_from("192.0.2.8", api("/", Some(TOKEN))).await.status, StatusCode::OK);
    test.clock.advance(Duration::from_secs(61));
    assert_eq!(test.send_from("192.0.2.7", api("/", Some(TOKEN))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_login_form_gives_a_session_that_is_not_the_token() {
    let test = locked().await;
    let form = test.get("/login?next=%2Fcases%2F7%3Flang%3Den").await;
    assert!(form.text.contains(r#"name="next" value="/cases/7?lang=en""#), "{}", form.text);
    let wrong = test.send(post("/login", "token=geraden&next=%2Freport")).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text.contains("Dit token klopt niet") && wrong.text.contains(r#"value="/report""#));
    let right = test.send(post("/login", &format!("token={TOKEN}&next=%2Freport"))).await;
    assert_eq!((right.status, right.header("location")), (StatusCode::SEE_OTHER, "/report"));
    let cookie = right.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-session=") && !cookie.contains(TOKEN), "{cookie}");
    for part in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    let pair = cookie.split(';').next().unwrap().to_owned();
    let with_cookie =
        |pair: &str| get("/report").header("cookie", format!("x=y; {pair}")).body(Body::empty()).unwrap();
    let page = test.send(with_cookie(&pair)).await;
    assert!(page.status == StatusCode::OK && page.text.contains("Uitloggen"));
    let (ends_at, proof) = pair.split_once('=').unwrap().1.split_once('.').unwrap();
    for forged in [
        format!("__Host-session={}.{proof}", ends_at.parse::<i64>().unwrap() + 1),
        format!("__Host-session={ends_at}."),
        format!("__Host-session={ends_at}"),
        format!("session={ends_at}.{proof}"),
        "__Host-session=.".to_owned(),
    ] {
        assert_eq!(test.send(with_cookie(&forged)).await.status, StatusCode::SEE_OTHER, "{forged}");
    }
    let another_process = locked().await;
    assert_eq!(another_process.send(with_cookie(&pair)).await.status, StatusCode::SEE_OTHER);
    test.clock.advance(Duration::from_secs(12 * 60 * 60));
    assert_eq!(test.send(with_cookie(&pair)).await.status, StatusCode::SEE_OTHER, "after twelve hours");
}

#[tokio::test]
async fn logging_out_takes_the_session_away() {
    let test = locked().await;
    let reply = test.send(post("/logout", "")).await;
    assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/login"));
    assert!(reply.header("set-cookie").starts_with("__Host-session=; Path=/; Max-Age=0"));
    for path in ["/login", "/logout"] {
        let mut from_elsewhere = post(path, &format!("token={TOKEN}"));
        from_elsewhere.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert_eq!(test.send(from_elsewhere).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn logging_in_leads_to_a_path_of_ours_only() {
    let test = locked().await;
    for elsewhere in
        ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1", "/login", "/a b", ""]
    {
        let next: String = url::form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
        let reply = test.send(post("/login", &format!("token={TOKEN}&next={next}"))).await;
        assert_eq!(reply.header("location"), "/", "{elsewhere}");
    }
    let huge = post("/login", &"x".repeat(1024 * 1024));
    assert_eq!(test.send(huge).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_page_for_the_whole_network_needs_a_token() {
    let test = TestSite::open().await;
    let web = test.app.config.web.clone();
    for address in ["0.0.0.0:8470", "192.0.2.1:8470", "[::]:8470"] {
        assert!(Guard::new(&web, address.parse().unwrap()).is_err(), "{address}");
    }
    assert!(Guard::new(&locked().await.app.config.web, "0.0.0.0:8470".parse().unwrap()).is_ok());
}

#[tokio::test]
async fn errors_have_pages_in_the_readers_language() {
    let test = TestSite::open().await;
    let reply = test.get("/nergens").await;
    assert!(reply.status == StatusCode::NOT_FOUND && reply.text.contains("Niet gevonden"));
    let reply = test.get("/nergens?lang=en").await;
    assert!(reply.text.contains("Not found") && reply.text.contains("<html lang=\"en\">"), "{}", reply.text);
    assert!(reply.header("set-cookie").starts_with("language=en; "), "{}", reply.header("set-cookie"));
    let later = get("/nergens").header("cookie", "language=en").body(Body::empty()).unwrap();
    assert!(test.send(later).await.text.contains("Not found"));
    let machine = Request::get("/nergens").header("host", "localhost").body(Body::empty()).unwrap();
    let machine = test.send(machine).await;
    assert_eq!(machine.header("content-type"), "text/plain; charset=utf-8");
    for path in ["/", "/report", "/livez", "/static/style.css"] {
        let request = Request::post(path).header("host", "localhost").body(Body::from("x")).unwrap();
        let reply = test.send(request).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(reply.header("allow").contains("GET"), "{path}: {}", reply.header("allow"));
    }
    for path in
        ["/%", "/cases/%00", "/cases/../../etc/passwd", "/static/..%2f..%2fCargo.toml", "/mentions/%FF"]
    {
        let reply = test.get(path).await;
        assert!(reply.status.is_client_error(), "{path}: {}", reply.status);
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_said_without_a_trace() {
    let test = TestSite::open().await;
    test.app.store.db.close().await;
    for path in CLOSED {
        let reply = test.get(path).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(reply.headers.get(header::RETRY_AFTER).unwrap(), "5", "{path}");
        assert!(
            reply.text.contains("database geeft geen antwoord") && !reply.text.contains("sqlx"),
            "{path}"
        );
    }
    assert_eq!(test.get("/livez").await.status, StatusCode::OK);
    let ready = test.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text.contains("does not answer"), "{}", ready.text);
}
