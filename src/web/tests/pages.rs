//! What the pages show, and that nobody's words can do more than be read.

use regex::Regex;

use super::*;
use crate::alert::notice::Notice;
use crate::failure::{Failure, FailureKind};
use crate::source::silence::Hearing;
use crate::store::listening::CursorMove;
use crate::store::outbox::{Intent, NewEffect, Outcome};

/// The part of a page between its frame, with ids masked.
fn content(page: &str) -> String {
    let main =
        page.split("<main id=\"main\" tabindex=\"-1\">").nth(1).unwrap().split("</main>").next().unwrap();
    let masked = Regex::new("[0-9a-f]{8}-[0-9a-f-]{27}").unwrap().replace_all(main, "ID");
    masked.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_inbox_shows_a_known_complaint_with_its_age() {
    let test = TestSite::open().await;
    test.known_case().await;
    test.clock.advance(Duration::from_secs(5 * 60));
    insta::assert_snapshot!("inbox", content(&test.get("/").await.text));
}

#[tokio::test]
async fn a_case_shows_its_whole_dossier() {
    let test = TestSite::open().await;
    test.known_case().await;
    insta::assert_snapshot!("case_nl", content(&test.get("/cases/1").await.text));
    let english = test.get("/cases/1?lang=en").await.text;
    for words in
        ["In their own words", "known", "for 42 days", "2 customers", "Who hears this", "13,207 people"]
    {
        assert!(english.contains(words), "{words}");
    }
}

#[tokio::test]
async fn a_case_shows_every_mention_and_any_of_them_can_be_chosen() {
    let test = TestSite::open().await;
    let first = test.known_case().await;
    test.clock.advance(Duration::from_secs(60));
    let second = test
        .hear(vec![Mention::new("m-2", author("joost", "Joost van der Kwast", None), "Nog steeds niets.")])
        .await;
    let case_id = test.app.store.case_by_number(1).await.unwrap().unwrap();
    let mut judged = new_complaint(&second[0], Severity::Low);
    judged.decision.case = CaseStep::Attach(case_id.clone());
    judged.case_id = Some(case_id);
    test.judge(&[judged]).await;
    let page = test.get("/cases/1").await.text;
    assert!(page.contains("Nog steeds niets.") && page.contains("Elfhonderd meter"));
    assert!(
        page.contains("niet bekend in het register van 4 minuten geleden"),
        "the newest mention is shown first"
    );
    let chosen = test.get(&format!("/cases/1?mention={}", first.id)).await.text;
    assert!(chosen.contains("regel “all”: nu inlichten"));
    for (pasted, mention) in [("m-2", &second[0]), (first.id.as_str(), &first)] {
        let reply = test.get(&format!("/mentions/{pasted}")).await;
        assert_eq!(reply.header("location"), format!("/cases/1?mention={}", mention.id));
    }
    assert_eq!(test.get("/").await.text.matches("<article").count(), 1, "one line for one case");
}

#[tokio::test]
async fn a_mention_without_a_case_says_why() {
    let test = TestSite::open().await;
    let heard = test
        .hear(vec![
            Mention::new("m-1", author("a", "A", None), "Mooi weer."),
            Mention::new("m-2", author("b", "B", None), "Nog te beoordelen."),
        ])
        .await;
    let mut judged = new_complaint(&heard[0], Severity::Low);
    judged.decision = Decision {
        verdict: Verdict::None,
        case: CaseStep::Nothing,
        reasons: vec!["it is not about us".into()],
        ..judged.decision
    };
    judged.case_id = None;
    test.judge(&[judged]).await;
    let page = test.get("/mentions/m-1").await.text;
    assert!(page.contains("Melding zonder zaak") && page.contains("it is not about us"));
    assert!(page.contains("De vraag is niet gesteld"));
    let waiting = test.get("/mentions/m-2").await.text;
    assert!(waiting.contains("Nog niet beoordeeld") && waiting.contains("Nog te beoordelen."));
}

#[tokio::test]
async fn the_inbox_is_sorted_filtered_and_paged() {
    let test = TestSite::open().await;
    let mentions = (0..7)
        .map(|n| Mention::new(format!("m-{n}"), author(&format!("a{n}"), "A", None), "storing"))
        .collect();
    let heard = test.hear(mentions).await;
    let urgencies = [
        Severity::Low,
        Severity::Critical,
        Severity::Normal,
        Severity::High,
        Severity::Low,
        Severity::Low,
        Severity::Low,
    ];
    let judged: Vec<Judged> =
        heard.iter().zip(urgencies).map(|(mention, urgency)| new_complaint(mention, urgency)).collect();
    test.judge(&judged).await;
    let cases = |page: &str| -> Vec<String> {
        Regex::new(r#"href="/cases/(\d+)""#)
            .unwrap()
            .captures_iter(page)
            .map(|found| found[1].to_owned())
            .collect()
    };
    assert_eq!(cases(&test.get("/").await.text), ["2", "4", "3", "7", "6", "5", "1"]);
    assert_eq!(cases(&test.get("/?urgency=low").await.text), ["7", "6", "5", "1"]);
    assert_eq!(cases(&test.get("/?verdict=known").await.text), Vec::<String>::new());
    assert_eq!(cases(&test.get("/?verdict=new&urgency=high").await.text), ["4"]);
    let first = test.get("/?limit=3").await.text;
    assert_eq!(cases(&first), ["2", "4", "3"]);
    assert!(first.contains(r#"href="/?limit=3&#38;skip=3" rel="next""#), "{first}");
    assert_eq!(cases(&test.get("/?limit=3&skip=6").await.text), ["1"]);
    let many_keys = "/?".to_owned() + &"x=1&".repeat(10_000) + "limit=2";
    assert_eq!(cases(&test.get(&many_keys).await.text).len(), 2);
    for odd in [
        "/?limit=-1",
        "/?limit=99999999999999999999",
        "/?skip=abc",
        "/?urgency=%F0%9F",
        "/?urgency=high&urgency=low",
    ] {
        assert_eq!(test.get(odd).await.status, StatusCode::OK, "{odd}");
    }
}

#[tokio::test]
async fn banners_say_what_is_wrong_with_us() {
    let test = TestSite::open().await;
    assert!(test.get("/").await.text.contains("register is nog niet helemaal gelezen"));
    test.known_case().await;
    let failure = Failure::new(FailureKind::BadCredentials, "asking the forum for posts: 401");
    test.app.store.note_poll_failure("forum", &failure, start(), true).await.unwrap();
    test.app.outbox.dispatch().await.unwrap();
    for effect in test.app.store.claim_due(Duration::from_secs(60), 10, None).await.unwrap() {
        let refused = Failure::new(FailureKind::Refused, "delivering to webcare: 550");
        assert!(test.app.store.finish(&effect, &Outcome::Dead(refused)).await.unwrap());
    }
    test.clock.advance(Duration::from_secs(3 * 3600));
    let inbox = test.get("/").await.text;
    for banner in ["<strong>forum</strong>", "Het register is 3 uur oud", "2 opgegeven: wacht op een mens"] {
        assert!(inbox.contains(banner), "{banner} in {inbox}");
    }
    let outbox = test.get("/outbox").await.text;
    for words in [
        "delivering to webcare: 550",
        "de andere kant weigert dit",
        "ticket verhogen: 18312",
        "/alerts/",
        "<th scope=\"col\">",
    ] {
        assert!(outbox.contains(words), "{words} in {outbox}");
    }
    let alert = Regex::new("/alerts/[0-9a-f-]+").unwrap().find(&outbox).unwrap().as_str().to_owned();
    assert!(test.get(&alert).await.header("location").starts_with("/mentions/"));
    let sources = test.get("/sources").await.text;
    for words in
        ["wacht op een mens", "inloggen geweigerd", "vernieuw de inloggegevens", "0 van 1.000", "desk"]
    {
        assert!(sources.contains(words), "{words} in {sources}");
    }
    let case = test.get("/cases/1").await.text;
    assert!(case.contains("delivering to webcare: 550") && case.contains("Pogingen"));
}

#[tokio::test]
async fn holes_in_the_listening_stay_visible() {
    let test = TestSite::open().await;
    test.app
        .store
        .note_missed("forum", days_ago(3), days_ago(2), std::time::Duration::ZERO, "unavailable")
        .await
        .unwrap();
    test.app.store.open_gap("forum", hours_ago(1), "timed_out").await.unwrap();
    let page = test.get("/sources").await.text;
    assert!(page.contains(r#"<rect class="silent" x="400" y="0" width="100" height="14">"#), "{page}");
    assert!(page.contains("duurt voort") && page.contains("storing aan de andere kant"));
}

#[tokio::test]
async fn the_report_counts_silent_customers_without_any_source() {
    let test = TestSite::open().await;
    test.read_register(register()).await;
    insta::assert_snapshot!("report", content(&test.get("/report").await.text));
}

#[tokio::test]
async fn the_mails_of_the_demo_can_be_read() {
    let test = TestSite::open().await;
    assert!(test.get("/mailbox").await.text.contains("Nog geen mail"));
    assert_eq!(test.get("/mailbox/1").await.status, StatusCode::NOT_FOUND);
    let mut plain = TestSite::open().await;
    plain.site.mailbox = None;
    assert_eq!(plain.get("/mailbox").await.status, StatusCode::NOT_FOUND);
    assert!(!plain.get("/").await.text.contains("/mailbox"));
}

/// Words that try to be more than words.
const ATTACKS: [&str; 60] = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<script\n>alert(1)</script\n>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src=`x` onerror=alert(1)>",
    "<img/src='x'/onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert&#40;1)</script>",
    "<svg><animate onbegin=alert(1) attributeName=x>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>",
    "<embed src=//evil.example>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>*{background:url(//evil.example)}</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<form action=//evil.example><button>OK</button></form>",
    "<a href=javascript:alert(1)>klik</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<textarea></textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</bdi><script>alert(1)</script>",
    "</blockquote></section><script>alert(1)</script>",
    "</article></li></ol></main><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "<!--<script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?>",
    "\" onmouseover=\"alert(1)",
    "' onmouseover='alert(1)",
    "\"><script>alert(1)</script>",
    "'><script>alert(1)</script>",
    "` onmouseover=alert(1)",
    "javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "&#x3c;script&#x3e;alert(1)",
    "\u{FF1C}script\u{FF1E}alert(1)",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "\\u003cscript\\u003ealert(1)",
    "{{ 7 * 7 }} {% include \"x\" %}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "\u{202E}<script>alert(1)</script>",
    "\u{200B}<\u{200B}script>",
    "<script>\0alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "<x onclick=alert(1) style=x:expression(alert(1))>",
    "<a\u{2028}href=javascript:alert(1)>",
    "=HYPERLINK(\"http://evil.example\")",
];

/// Every tag of a page is one of ours with attributes of ours: what others wrote made none.
fn assert_only_our_tags(page: &str, what: &str) {
    let tag = Regex::new(
        r#"^(!doctype html|/?(html|head|meta|title|link|body|a|header|div|nav|form|button|main|h1|h2|h3|section|p|span|strong|bdi|blockquote|dl|dt|dd|ol|ul|li|article|aside|time|footer|br|details|summary|svg|rect|table|caption|thead|tbody|tr|th|td|meter)( (lang|charset|name|content|rel|href|class|aria-[a-z]+|id|tabindex|method|action|hreflang|dir|datetime|title|value|open|viewBox|preserveAspectRatio|role|x|y|width|height|scope|min|max|data-label)="[^"<>]*")*)$"#,
    )
    .unwrap();
    for piece in page.split('<').skip(1) {
        let Some((inside, text)) = piece.split_once('>') else { panic!("{what}: an open tag: {piece}") };
        assert!(tag.is_match(inside), "{what}: <{inside}>");
        assert!(!text.contains('>') && !inside.contains("=\"javascript:"), "{what}: {piece}");
    }
    let link = Regex::new(r#"href="([^"]*)""#).unwrap();
    for found in link.captures_iter(page) {
        assert!(
            ["/", "#", "http://", "https://"].iter().any(|start| found[1].starts_with(start)),
            "{what}: {}",
            &found[0]
        );
        assert!(!found[1].starts_with("//"), "{what}: {}", &found[0]);
    }
}

#[tokio::test]
async fn nobodys_words_become_markup() {
    let test = TestSite::open().await;
    let attack = |n: usize| ATTACKS[n % ATTACKS.len()];
    let mut page = register();
    page.tickets[0].subject = attack(0).into();
    page.tickets[0].body = ATTACKS.join("\n");
    page.tickets[0].url = Some("javascript:alert(1)".into());
    page.problems[0].title = attack(4).into();
    page.problems[0].description = ATTACKS.join("\n");
    page.problems[0].owner = Some(attack(7).into());
    page.problems[0].url = Some("data:text/html,<script>alert(1)</script>".into());
    page.contacts[0].name = attack(31).into();
    page.contacts[0].city = Some(attack(39).into());
    page.answers[0].body = format!("We bellen u morgen terug {}", attack(32));
    test.read_register(page).await;
    let mentions = ATTACKS.iter().enumerate().map(|(n, words)| {
        let mut mention =
            Mention::new(format!("{words}{n}"), author(attack(n + 1), attack(n + 2), Some(n as u64)), *words);
        mention.author.external_id = format!("a{n}");
        mention.title = Some(attack(n + 3).into());
        mention.url = Some(
            ["javascript:alert(1)", "https://x.example/\"><script>", "http://x.example/'"][n % 3].into(),
        );
        mention
    });
    let heard = test.hear(mentions.collect()).await;
    let judged: Vec<Judged> = heard
        .iter()
        .enumerate()
        .map(|(n, mention)| {
            let mut judged = known(mention);
            judged.decision.reasons.push(attack(n).into());
            judged.assessment.evidence.push(attack(n).into());
            judged.assessment.references[0].value = attack(n).into();
            judged.answers.same_case.evidence.shared.push(attack(n).into());
            judged.answers.same_case.evidence.against.push(attack(n).into());
            judged.answers.same_case.evidence.runner_up = Some((format!("desk:{}", attack(n)), 0.2));
            judged
        })
        .collect();
    test.judge(&judged).await;
    let failure = Failure::new(FailureKind::Refused, attack(0));
    test.app.store.note_poll_failure("forum", &failure, start(), false).await.unwrap();
    test.app.store.open_gap("forum", hours_ago(1), attack(4)).await.unwrap();
    for effect in test.app.store.claim_due(Duration::from_secs(60), 3, None).await.unwrap() {
        test.app.store.finish(&effect, &Outcome::Dead(failure.clone())).await.unwrap();
    }
    let mut paths: Vec<String> = ["/?limit=200", "/report", "/sources", "/outbox", "/mailbox", "/<script>"]
        .map(|path| path.replace('<', "%3C").replace('>', "%3E"))
        .into();
    paths.extend((1..=ATTACKS.len()).map(|number| format!("/cases/{number}?lang=en&x=%22%3E%3Cscript%3E")));
    for path in &paths {
        let reply = test.get(path).await;
        assert!(reply.status == StatusCode::OK || path.contains("%3Cscript%3E"), "{path}: {}", reply.status);
        assert_only_our_tags(&reply.text, path);
    }
    let inbox = test.get("/?limit=200").await.text;
    assert_eq!(inbox.matches("<article").count(), ATTACKS.len(), "all of them are there to be read");
    assert!(inbox.contains("&#60;script&#62;alert(1)&#60;/script&#62;"));
    assert!(inbox.contains("bevat onzichtbare of omkerende tekens"));
}

#[tokio::test]
async fn a_parked_mention_is_named_and_can_be_read_until_it_is_released() {
    let test = TestSite::open().await;
    let mention = test.hear(vec![Mention::new("m-1", author("a", "A", None), "storing")]).await.remove(0);
    let waiting = test.get(&format!("/mentions/{}", mention.id)).await.text;
    assert!(!waiting.contains("gehoord release"), "it only waits");
    for _ in 0..3 {
        test.app.store.note_trouble(&mention.id).await.unwrap();
    }
    let inbox = test.get("/").await.text;
    assert!(inbox.contains(&format!("href=\"/mentions/{}\">forum", mention.id)), "{inbox}");
    assert!(inbox.contains("1 melding kon niet worden verwerkt"), "{inbox}");
    let page = test.get(&format!("/mentions/{}", mention.id)).await.text;
    assert!(
        page.contains("storing") && page.contains(&format!("gehoord release {}", mention.id)),
        "its words and what to do: {page}"
    );
    let ready = test.get("/readyz").await;
    assert!(
        ready.status == StatusCode::OK && ready.text.contains("\"mentions_parked\":1"),
        "one mention takes no page away: {}",
        ready.text
    );
    assert!(test.get("/metrics").await.text.contains("gehoord_mentions_parked 1"));
    assert!(test.app.store.release_mention(&mention.id, "a colleague").await.unwrap());
    assert!(!test.get("/").await.text.contains("kon niet worden verwerkt"));
}

#[tokio::test]
async fn a_source_that_fell_silent_is_shown_wherever_people_and_machines_look() {
    let test = TestSite::open().await;
    let store = &test.app.store;
    let lease = store.take_lease("source:forum", Duration::from_secs(60)).await.unwrap().unwrap();
    let state = store.source_state("forum").await.unwrap().unwrap();
    let to = CursorMove {
        cursor: "c".into(),
        next_at: start(),
        items: 0,
        hearing: Hearing {
            heard_polls: 40,
            empty_polls: 90,
            usual_empty_polls: 12,
            silent_since: Some(days_ago(2)),
        },
        caught_up: true,
    };
    let mut tx = store.begin().await.unwrap();
    assert!(store.move_cursor(&mut tx, &lease, &state, &to).await.unwrap());
    tx.commit().await.unwrap();
    let sources = test.get("/sources").await.text;
    for words in ["zwijgt ongewoon lang", "alleen nog lege lijsten", "12 keer leeg achter elkaar"] {
        assert!(sources.contains(words), "{words} in {sources}");
    }
    assert!(test.get("/?lang=en").await.text.contains("Silent for unusually long:"));
    assert!(test.get("/metrics").await.text.contains("gehoord_sources_silent 1"));
    let ready = test.get("/readyz").await;
    assert!(
        ready.status == StatusCode::OK && ready.text.contains("\"sources_silent\":[\"forum\"]"),
        "{}",
        ready.text
    );
}

#[tokio::test]
async fn a_notice_about_ourselves_stands_on_the_outbox_page() {
    let test = TestSite::open().await;
    let notice = Notice::Silent { source: "forum".into(), since: days_ago(2) };
    let effect = NewEffect {
        key: "notice-1".into(),
        target: "channel:webcare".into(),
        thread: "webcare|silent:forum".into(),
        lane: 1,
        intent: Intent::Notice { notice },
        cause: "silent:forum".into(),
        due_at: start(),
        observed: false,
    };
    assert_eq!(test.app.store.owe_effects(&[effect], start()).await.unwrap(), 1);
    assert!(test.get("/outbox").await.text.contains("melden dat hier iets misgaat"));
}
