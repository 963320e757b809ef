//! The program as a person at a terminal, a script and an orchestrator use it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

fn gehoord(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gehoord"))
        .current_dir(folder)
        .args(arguments)
        .env("GEHOORD_LOG", "warn")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("standard output is JSON and nothing else")
}

/// A folder with a configuration that needs nothing outside, and a register in CSV files.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let text = format!(
        "mode = \"observe\"\n[database]\nurl = \"sqlite://gehoord.db\"\n[web]\nlisten = \"127.0.0.1:{port}\"\n\
         [[brand]]\nname = \"Veldnet\"\nterms = [\"veldnet\"]\n"
    );
    std::fs::write(folder.path().join("gehoord.toml"), text).expect("writable");
    let register = folder.path().join("register");
    std::fs::create_dir(&register).expect("writable");
    let files = [
        (
            "contacts.csv",
            "id;naam;e-mail;klantnummer\nC-1;Y. van 't Hek;y.hek@voorbeeld.example;40718263\nC-2;A. de Vries;a@voorbeeld.example;40718264\n",
        ),
        (
            "tickets.csv",
            "id;onderwerp;omschrijving;status;klant;probleem;aangemaakt;gewijzigd\n\
             18312;Verhuizing;Glasvezel niet overgezet na verhuizing;open;C-1;P-77;2026-01-10;2026-01-12\n\
             18313;Verhuizing;Glasvezel niet overgezet;open;C-2;P-77;2026-02-10;2026-02-12\n",
        ),
        (
            "problems.csv",
            "id;titel;omschrijving;status;geopend\nP-77;Verhuizing mislukt;Aansluiting wordt niet overgezet;open;2026-01-01\n",
        ),
    ];
    for (name, text) in files {
        std::fs::write(register.join(name), text).expect("writable");
    }
    folder
}

#[test]
fn help_teaches_and_a_wrong_argument_says_what_is_right() {
    let folder = folder();
    let help = said(&gehoord(folder.path(), &["--help"]));
    for word in ["demo", "doctor", "Exit codes", "explain"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    let wrong = gehoord(folder.path(), &["exlain"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("explain"), "{wrong:?}");
}

#[test]
fn a_wrong_configuration_is_reported_whole_with_its_own_exit_code() {
    let folder = folder();
    std::fs::write(folder.path().join("gehoord.toml"), "mode = \"atc\"\n[wbe]\n[[source]]\nkind = \"rss\"\n")
        .unwrap();
    for command in ["check", "run", "report"] {
        let output = gehoord(folder.path(), &[command]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{command}: {errors}");
        for path in ["mode:", "wbe:", "source[0]", "lawful_basis", "brand:", "rule:"] {
            assert!(errors.contains(path), "{command}: {path} in {errors}");
        }
    }
    let missing = gehoord(folder.path(), &["check", "--config", "nowhere.toml"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.toml"));
}

#[test]
fn with_the_register_alone_the_report_and_the_look_ups_work() {
    let folder = folder();
    assert_eq!(gehoord(folder.path(), &["check"]).status.code(), Some(0));
    let import = gehoord(folder.path(), &["import", "register"]);
    assert!(import.status.success() && said(&import).starts_with("5 rows"), "{import:?}");
    let report = json(&gehoord(folder.path(), &["report", "--json"]));
    assert_eq!((report["customers"].as_i64(), report["silent"].as_i64()), (Some(2), Some(2)), "{report}");
    assert_eq!(report["lines"][0]["problem"], "P-77");
    let table = said(&gehoord(folder.path(), &["report"]));
    assert!(table.contains("Verhuizing mislukt"), "{table}");
    let who = json(&gehoord(folder.path(), &["who", "Youp van 't H.", "--json"]));
    assert_eq!(
        (who[0]["name"].as_str(), who[0]["open_tickets"][0]["number"].as_str()),
        (Some("Y. van 't Hek"), Some("18312")),
        "{who}"
    );
    assert_eq!(gehoord(folder.path(), &["who", "Zwartepoort"]).status.code(), Some(4));
    let matched = json(&gehoord(
        folder.path(),
        &["match", "Veldnet, ticket 18312 is nog steeds niet opgelost, belachelijk", "--json"],
    ));
    assert_eq!(
        (matched["assessment"]["class"].as_str(), matched["answers"][0]["band"].as_str()),
        (Some("complaint"), Some("known")),
        "{matched}"
    );
    assert_eq!(gehoord(folder.path(), &["explain", "nothing"]).status.code(), Some(4));
    assert_eq!(gehoord(folder.path(), &["sources", "--poll-now", "nothing"]).status.code(), Some(4));
}

#[test]
fn a_recording_is_judged_and_every_mention_of_it_explained() {
    let folder = folder();
    assert!(gehoord(folder.path(), &["import", "register"]).status.success());
    let lines = [
        r#"{"external_id":"r1","author":{"external_id":"piet"},"text":"Veldnet doet niets aan ticket 18312, belachelijk!"}"#,
        r#"{"external_id":"r2","author":{"external_id":"kees"},"text":"Heel blij met Veldnet, topservice"}"#,
        "not json",
    ];
    std::fs::write(folder.path().join("recording.jsonl"), lines.join("\n") + "\n").unwrap();
    let outcome = json(&gehoord(folder.path(), &["replay", "recording.jsonl", "--json"]));
    assert_eq!(
        (outcome["new"].as_i64(), outcome["quarantined"].as_i64(), outcome["decided"].as_i64()),
        (Some(2), Some(1), Some(2)),
        "{outcome}"
    );
    let why = json(&gehoord(folder.path(), &["explain", "r1", "--json"]));
    assert_eq!(why["decisions"][0]["verdict"], "known", "{why}");
    assert!(why["decisions"][0]["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()));
    let told = said(&gehoord(folder.path(), &["explain", "r2"]));
    assert!(told.contains("no complaint but praise") && told.contains("nobody was told"), "{told}");
}

#[test]
fn what_explain_quotes_stands_on_standard_output_only_and_its_help_says_so() {
    let folder = folder();
    assert!(gehoord(folder.path(), &["import", "register"]).status.success());
    let line = r#"{"external_id":"r1","url":"https://sociaal.example/@piet-zwarte/r1","author":{"external_id":"piet-zwarte","handle":"piet-zwarte"},"text":"Veldnet, ticket 18312: mijn schoonmoeder wacht nog, belachelijk!"}"#;
    std::fs::write(folder.path().join("recording.jsonl"), format!("{line}\n")).unwrap();
    json(&gehoord(folder.path(), &["replay", "recording.jsonl", "--json"]));
    let explain = |pasted: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gehoord"));
        command.current_dir(folder.path()).args(["explain", pasted]).env("GEHOORD_LOG", "trace");
        command.output().expect("the program starts")
    };
    let found = explain("https://sociaal.example/@piet-zwarte/r1");
    assert!(said(&found).contains("schoonmoeder"), "a person who asks sees the words: {}", said(&found));
    for output in [found, explain("https://sociaal.example/@piet-zwarte/r2")] {
        let logged = String::from_utf8_lossy(&output.stderr).into_owned();
        for personal in ["schoonmoeder", "belachelijk", "piet-zwarte"] {
            assert!(!logged.contains(personal), "{personal} in {logged}");
        }
    }
    let help = said(&gehoord(folder.path(), &["explain", "--help"]));
    assert!(help.contains("quotes the customer's words"), "{help}");
}

#[test]
fn a_panic_is_logged_by_its_place_and_never_quotes_anybody() {
    if !cfg!(feature = "deliberately-broken") {
        assert!(
            std::env::var_os("GEHOORD_TEST_REQUIRE").is_none(),
            "run with --features deliberately-broken"
        );
        eprintln!("SKIPPED: needs --features deliberately-broken, which scripts/test sets");
        return;
    }
    let folder = folder();
    let line =
        r#"{"external_id":"r1","author":{"external_id":"piet"},"text":"Veldnet kanariewoord gifpil-assess"}"#;
    std::fs::write(folder.path().join("recording.jsonl"), format!("{line}\n")).unwrap();
    let output = gehoord(folder.path(), &["replay", "recording.jsonl"]);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && log.contains("panic at src/broken.rs:"), "{output:?}");
    assert!(!log.contains("kanariewoord") && !said(&output).contains("kanariewoord"), "{log}");
}

#[test]
fn what_waits_for_a_person_is_told_by_doctor_and_explain_and_can_be_released() {
    let folder = folder();
    let line =
        r#"{"external_id":"r1","author":{"external_id":"piet"},"text":"Veldnet doet niets, belachelijk!"}"#;
    std::fs::write(folder.path().join("recording.jsonl"), format!("{line}\n")).unwrap();
    assert!(gehoord(folder.path(), &["replay", "recording.jsonl"]).status.success());
    assert_eq!(gehoord(folder.path(), &["doctor"]).status.code(), Some(0));
    assert_eq!(gehoord(folder.path(), &["release", "r1"]).status.code(), Some(4), "it is not parked");
    let url = format!("sqlite://{}", folder.path().join("gehoord.db").display());
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(crate::support::execute(&url, "UPDATE mention SET waiting = 1, decided = 0, trouble = 3"));
    let doctor = gehoord(folder.path(), &["doctor"]);
    assert_eq!(doctor.status.code(), Some(5));
    assert!(said(&doctor).contains("NOT WELL mentions: 1 parked"), "{doctor:?}");
    assert!(said(&gehoord(folder.path(), &["explain", "r1"])).contains("gehoord release"));
    assert_eq!(gehoord(folder.path(), &["release"]).status.code(), Some(2), "what?");
    let release = gehoord(folder.path(), &["release", "r1"]);
    assert_eq!(release.status.code(), Some(0), "{release:?}");
    assert_eq!(
        gehoord(folder.path(), &["release", "--all"]).status.code(),
        Some(4),
        "nothing waits any more"
    );
    assert_eq!(gehoord(folder.path(), &["doctor"]).status.code(), Some(0));
}

#[test]
fn a_colleague_says_whether_an_answer_was_right() {
    let folder = folder();
    assert!(gehoord(folder.path(), &["import", "register"]).status.success());
    let line = r#"{"external_id":"r1","author":{"external_id":"piet"},"text":"Veldnet, ticket 18312: mijn schoonmoeder wacht nog, belachelijk!"}"#;
    let nothing =
        r#"{"external_id":"r2","author":{"external_id":"jan"},"text":"Veldnet doet niets, belachelijk!"}"#;
    std::fs::write(folder.path().join("recording.jsonl"), format!("{line}\n{nothing}\n")).unwrap();
    assert!(gehoord(folder.path(), &["replay", "recording.jsonl"]).status.success());
    let rule = |arguments: &[&str]| {
        let output = gehoord(folder.path(), &[&["rule"], arguments].concat());
        (output.status.code(), said(&output))
    };
    assert_eq!(rule(&["confirm", "r1", "--by", "Sanne"]).0, Some(0));
    assert_eq!(rule(&["confirm", "r9"]).0, Some(4), "no such mention");
    assert_eq!(rule(&["instead", "r2", "no-such-ticket"]).0, Some(4));
    assert_eq!(rule(&["instead", "r2", "18312"]).0, Some(0));
    assert_eq!(rule(&["new", "r2"]).0, Some(0));
    let list = json(&gehoord(folder.path(), &["rule", "list", "--json"]));
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2, "{list:#?}");
    assert_eq!((&list[0]["said"], &list[1]["said"]), (&"new_problem".into(), &"confirm".into()));
    assert_eq!(list[1]["actor"], "Sanne");
    assert!(list[1]["known"]["ticket_id"].as_str().unwrap().ends_with("18312"), "{list:#?}");
    assert!(!list[1]["shown"].as_array().unwrap().is_empty(), "what was shown is kept with it");
}

/// A daemon that is killed when the test ends.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already, which is what most tests want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run_daemon(folder: &Path) -> Daemon {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gehoord"))
        .current_dir(folder)
        .arg("run")
        .env("GEHOORD_LOG", "info")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    for line in lines {
        if line.expect("readable").contains("The page is on") {
            break;
        }
    }
    Daemon(child)
}

#[test]
fn p21_a_daemon_answers_health_refuses_a_second_one_and_stops_in_order() {
    let folder = folder();
    assert_eq!(gehoord(folder.path(), &["health"]).status.code(), Some(5), "nobody is there yet");
    let mut daemon = run_daemon(folder.path());
    let health = gehoord(folder.path(), &["health"]);
    assert_eq!(health.status.code(), Some(0), "{health:?}");
    let second = gehoord(folder.path(), &["run", "--once"]);
    assert!(
        !second.status.success() && String::from_utf8_lossy(&second.stderr).contains("another gehoord"),
        "{second:?}"
    );
    let report = gehoord(folder.path(), &["report", "--json"]);
    assert!(report.status.success(), "other commands read beside it: {report:?}");
    let asked = Instant::now();
    let terminated =
        Command::new("kill").args(["-TERM", &daemon.0.id().to_string()]).status().expect("kill exists");
    assert!(terminated.success());
    let code = daemon.0.wait().expect("it ends").code();
    assert_eq!(code, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(25));
}

#[test]
fn the_demo_plays_the_story_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let demo = json(&gehoord(folder.path(), &["demo", "--once", "--json"]));
    assert_eq!(demo["mentions"]["stored"], demo["mentions"]["assessed"], "{demo}");
    let alerts = demo["alerts"].as_array().unwrap();
    let celebrity = alerts.iter().find(|alert| alert["audience"] == 40_000).expect("the columnist is heard");
    assert_eq!(
        (celebrity["known_since_days"].as_i64(), celebrity["ticket"].as_str()),
        (Some(42), Some("18312")),
        "{celebrity}"
    );
    assert!(
        celebrity["verbatim"].as_str().is_some_and(|words| words.contains("kat"))
            && celebrity["problem"].is_string()
    );
    let invoice =
        alerts.iter().filter(|alert| alert["others_silent"].as_i64().is_some_and(|n| n >= 1_000)).count();
    assert!(invoice >= 3, "the thousand with the unclear invoice are counted");
    assert!(
        alerts.iter().any(|alert| alert["audience"] == 0 && alert["urgency"] == "critical"),
        "a critical complaint nobody hears"
    );
    assert!(alerts.iter().any(|alert| alert["kind"] == "recurrence"), "a fix did not hold");
    assert!(alerts.iter().all(|alert| alert["delivery"] == "delivered"));
    assert_eq!(demo["mails"].as_u64(), Some(alerts.len() as u64));
    assert_eq!(demo["tickets"]["mails_to_customers"], 0);
}
