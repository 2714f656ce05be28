//! The real program as its operator meets it: settings, counts, logs, and how it ends.

mod common;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use common::actor::Actor;
use common::program::{Program, server_stub};
use common::{Kind, World};
use protocol::Protocol;
use protocol::outcome::ResponseCode;
use reqwest::StatusCode;
use server_stub::http::now;
use tokio::task::JoinSet;

fn check(folder: &Path, settings: &str) -> Output {
    let file = folder.join("server.toml");
    std::fs::write(&file, settings).expect("a file");
    let data = folder.join("data");
    let mut command = server_stub("serve");
    command.arg("--check-config").arg("--config").arg(file).arg("--data-dir").arg(&data);
    let output = command.output().expect("the program runs");
    assert!(!data.exists(), "checking makes nothing");
    output
}

fn program_with(folder: &Path, settings: &str) -> Program {
    let file = folder.join("server.toml");
    std::fs::write(&file, settings).expect("a file");
    Program::start_with(&folder.join("data"), &["--config", file.to_str().expect("a path")])
}

async fn get(url: &str) -> (StatusCode, String) {
    let response = reqwest::get(url).await.expect("an answer");
    (response.status(), response.text().await.expect("a text"))
}

#[test]
fn settings_are_checked_without_starting_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = check(folder.path(), "[sessions]\nmax_amount = 250\n");
    assert!(good.status.success(), "{good:?}");
    let said = String::from_utf8(good.stdout).expect("text");
    assert!(said.contains("max_amount = 250") && said.contains("drain_secs = 20"), "all that is in force: {said}");
    for (settings, named) in [
        ("[sessions]\nmax_amount = 'much'\n", "line 2"),
        ("[session]\nmax_amount = 250\n", "unknown field `session`"),
        ("[sessions]\nmax_amount = 0\n", "sessions.max_amount: must be 1 to 1000000000"),
    ] {
        let bad = check(folder.path(), settings);
        let said = String::from_utf8(bad.stderr).expect("text");
        assert!(!bad.status.success() && said.contains(named), "{settings}: {said}");
    }
}

#[tokio::test]
async fn counts_stand_on_a_port_of_their_own_and_name_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = program_with(folder.path(), "metrics_listen = '127.0.0.1:0'\n");
    let metrics = program.line("metrics on ");
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let mut brian = Actor::new(Protocol::V2, "customer", "brianb");
    let body = brian.registration(now());
    let reply = program.ask(&mut world, &mut brian, &body).await;
    assert_eq!(reply.response_code, ResponseCode::Success);
    assert_eq!(program.ask(&mut world, &mut brian, &body).await.response_code, ResponseCode::Failure);
    program.send("hello").await.expect("an answer");

    let (status, text) = get(&format!("{metrics}/metrics")).await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "paycash_messages_total{outcome=\"reply\"} 2",
        "paycash_messages_total{outcome=\"malformed\"} 1",
        "paycash_decisions_total{message=\"registration\",problem=\"none\"} 1",
        "paycash_decisions_total{message=\"registration\",problem=\"id-in-use\"} 1",
        "paycash_message_seconds_count{lane=\"sealed\"} 2",
        "paycash_public_key_waiting 0",
        "# TYPE paycash_start_time_seconds gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("brianb"));
    for (url, status) in [
        (format!("{metrics}/healthz"), StatusCode::OK),
        (format!("{metrics}/readyz"), StatusCode::OK),
        (format!("{}/healthz", program.url), StatusCode::OK),
        (format!("{}/readyz", program.url), StatusCode::OK),
        (format!("{}/metrics", program.url), StatusCode::NOT_FOUND),
        (format!("{metrics}/cybercash/keys"), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(get(&url).await.0, status, "{url}");
    }
}

#[tokio::test]
async fn who_finds_a_weakness_reads_whom_to_tell() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = program_with(folder.path(), "security_contact = 'mailto:security@pay.example'\n");
    let (status, text) = get(&format!("{}/.well-known/security.txt", program.url)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.starts_with("Contact: mailto:security@pay.example\nExpires: 2"), "{text}");
}

#[tokio::test]
async fn a_log_for_machines_is_json_in_every_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = program_with(folder.path(), "[log]\nformat = 'json'\nfilter = 'info'\n");
    program.ask_to_end();
    assert!(program.ended().success());
    let log = std::fs::read_to_string(&program.log).expect("a log");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let said: Vec<_> = lines.iter().map(|line| line["message"].as_str().expect("a message")).collect();
    assert_eq!((said.first(), said.last()), (Some(&"started"), Some(&"ended")));
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"] == "INFO"));
}

/// Registrations under many names, sent at once; yields what was answered.
fn registrations(program: &Program, messages: &[String]) -> JoinSet<(usize, Option<String>)> {
    let (client, mut tasks) = (reqwest::Client::new(), JoinSet::new());
    for (n, message) in messages.iter().cloned().enumerate() {
        let request = client.post(format!("{}/cybercash", program.url)).body(message);
        tasks.spawn(async move {
            let response = request.send().await.ok();
            (n, if let Some(response) = response { response.text().await.ok() } else { None })
        });
    }
    tasks
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_it_answers_what_has_come_and_then_ends() {
    const PEOPLE: usize = 48;
    let folder = tempfile::tempdir().expect("a folder");
    let settings = "[shutdown]\nnotice_secs = 1\n[doors]\nper_address_per_minute = 0\n";
    let mut program = program_with(folder.path(), settings);
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let mut sent = Vec::new();
    for n in 0..PEOPLE {
        let mut actor = Actor::new(Protocol::V2, "customer", &format!("someone{n}"));
        // One key registers them all, each time with another transaction number.
        actor.transaction += u64::try_from(n).expect("few");
        let body = actor.registration(now());
        sent.push(program.seal(&mut world, &mut actor, &body).await);
    }
    let messages: Vec<String> = sent.iter().map(|sent| sent.text.clone()).collect();
    let mut tasks = registrations(&program, &messages);
    let mut replies = vec![None; PEOPLE];
    let (n, first) = tasks.join_next().await.expect("tasks").expect("an end");
    replies[n] = first;
    program.ask_to_end();
    while get(&format!("{}/readyz", program.url)).await.0 != StatusCode::SERVICE_UNAVAILABLE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while let Some(Ok((n, reply))) = tasks.join_next().await {
        replies[n] = reply;
    }
    assert!(replies.iter().all(Option::is_some), "all had come before the door closed");
    assert!(program.ended().success());
    assert!(reqwest::get(&program.url).await.is_err(), "the door is closed");

    // What was answered is kept: the same again is answered the same.
    let program = program_with(folder.path(), settings);
    let mut again = registrations(&program, &messages);
    while let Some(Ok((n, reply))) = again.join_next().await {
        assert_eq!(reply, replies[n]);
    }
}
