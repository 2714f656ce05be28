//! The operator's tools as they are called: `server-stub admin`.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::actor::{ACCOUNT, Actor};
use common::payment::Deal;
use common::{Kind, World, money};
use protocol::Protocol;
use protocol::message::report::MessageReport;
use protocol::outcome::Problem;
use serde_json::Value;
use server_stub::serve;
use server_stub::server::{Answer, Server};
use server_stub::settings::Settings;
use server_stub::store::{KeyPlace, Place};

fn admin(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-stub"));
    command.arg("admin").arg("--data-dir").arg(folder).arg("--json").args(args);
    command.output().expect("the program runs")
}

/// What a command shows.
fn shown(folder: &Path, args: &[&str]) -> Value {
    let output = admin(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What a command that cannot be meant says.
fn refused(folder: &Path, args: &[&str]) -> String {
    let output = admin(folder, args);
    assert!(!output.status.success(), "{args:?} was done");
    String::from_utf8(output.stderr).expect("text")
}

async fn server(folder: &Path) -> Server {
    let place = Place::in_folder(folder);
    serve::open(&Settings::default(), &place, &KeyPlace::default()).await.expect("a server")
}

#[tokio::test]
async fn what_the_operator_sets_is_in_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    assert!(refused(path, &["rate", "list"]).contains("no server has been started there"));
    drop(server(path).await);
    shown(path, &["rate", "set", "chf", "0.85"]);
    shown(path, &["rate", "withdraw", "kwd"]);
    let rates = shown(path, &["rate", "set", "eur", "0.95", "--from", "2099-01-01"]);
    let eur: Vec<_> = rates["rates"].as_array().expect("rows").iter().filter(|row| row["currency"] == "eur").collect();
    assert_eq!((&eur[0]["state"], &eur[1]["state"]), (&"in force".into(), &"to come".into()));
    shown(path, &["fee", "set", "collect", "usd", "--fixed", "0.25", "--basis-points", "290"]);
    shown(path, &["fee", "set", "load", "usd", "--fixed", "1"]);
    let fees = shown(path, &["fee", "set", "collect", "usd", "--fixed", "0.30", "--from", "2099-01-01"]);
    let rows: Vec<_> =
        fees["fees"].as_array().expect("rows").iter().map(|row| (&row["fixed"], &row["state"])).collect();
    assert!(rows.contains(&(&"usd 0.25".into(), &"in force".into())), "{rows:?}");
    assert!(rows.contains(&(&"usd 0.30".into(), &"to come".into())), "{rows:?}");
    shown(path, &["fee", "cancel", "collect", "usd", "--from", "2099-01-01"]);
    let fees = shown(path, &["fee", "remove", "load", "usd"]);
    assert_eq!(fees["fees"].as_array().map(Vec::len), Some(3), "one of them past: {fees}");
    shown(path, &["agreement", "set", "75", "--title", "Terms", "--url", "https://pay.example/terms"]);
    shown(path, &["software", "warn", "1.0win", "New software is available."]);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let there = elsewhere.path().to_str().expect("a path");
    let said = refused(path, &["--keys-dir", there, "key", "rotate"]);
    assert!(said.contains("vault.key") && said.contains("is not there"), "{said}");
    let keys = shown(path, &["key", "rotate", "--overlap-days", "7"]);
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
    let published = server(path).await.published();
    assert!(published.currencies.contains(&"chf".to_owned()) && !published.currencies.contains(&"kwd".to_owned()));
    assert_eq!(published.agreements[0].number, 75);
    assert_eq!(published.fees.len(), 1);
    assert_eq!((published.fees[0].operation.as_str(), published.fees[0].basis_points), ("collect", 290));
    let names: Vec<_> = published.keys.iter().map(|key| key.serverkey.as_str()).collect();
    assert_eq!(names, ["CC2002", "CC2001"], "the new key first, the old one still opens");
    assert!(refused(path, &["key", "destroy", "CC2001"]).contains("not retired yet"));
    shown(path, &["key", "rotate", "--overlap-days", "0"]);
    shown(path, &["key", "destroy", "CC2002"]);
    let published = server(path).await.published();
    assert_eq!(published.keys.iter().map(|key| key.serverkey.as_str()).collect::<Vec<_>>(), ["CC2003", "CC2001"]);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    drop(server(path).await);
    for (args, why) in [
        (&["rate", "set", "usd", "2"][..], "base currency"),
        (&["rate", "set", "xyz", "2"], "is no currency"),
        (&["rate", "set", "eur", "0"], "is no rate"),
        (&["rate", "set", "eur", "1", "--from", "2001-01-01"], "cannot begin in the past"),
        (&["rate", "cancel", "eur", "--from", "2099-01-01"], "no rate eur"),
        (&["agreement", "set", "1", "--title", "x", "--url", "javascript:x"], "is no address"),
        (&["switch", "off"], "required"),
        (&["switch", "off", "--persona", "brianb-41"], "is no persona id"),
        (&["switch", "off", "--persona", "brianb-40"], "there is no persona"),
        (&["switch", "off", "--service", "dance"], "is no service"),
        (&["persona", "brianb-40"], "there is no persona"),
        (&["session", "7"], "there is no session 7"),
        (&["fee", "set", "dance", "usd", "--fixed", "1"], "can cost nothing"),
        (&["fee", "set", "refund", "usd", "--fixed", "1"], "can cost nothing"),
        (&["fee", "set", "load", "usd"], "takes something"),
        (&["fee", "set", "load", "usd", "--basis-points", "10001"], "at most 10000"),
        (&["fee", "set", "load", "usd", "--fixed", "0.255"], "is no amount of usd"),
        (&["fee", "set", "load", "usd", "--fixed", "1", "--from", "2001-01-01"], "cannot begin in the past"),
        (&["fee", "cancel", "load", "usd", "--from", "2099-01-01"], "no fee load usd"),
        (&["gift", "add", "a@b.example", "usd 0.00"], "is no amount"),
    ] {
        let said = refused(path, args);
        assert!(said.contains(why), "{args:?}: {said}");
    }
    assert_eq!(server(path).await.store().settings().await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn personas_sessions_and_payments_are_found_and_instruments_disabled() {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    std::fs::create_dir(world.folder().join("keys")).expect("a folder");
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let (mut wallet, mut till) =
        (world.open(&mut brian, "usd 50.00", 60, 10).await, world.open(&mut acme, "usd 0.00", 60, 10).await);
    let payee = acme.id.clone().expect("a persona");
    let deal = Deal { payee: &payee, order: "1231-3424", price: "usd 42.50", amount: "usd 42.50" };
    world.pay(&mut wallet, &mut till, &deal).await;
    let folder = world.folder().to_owned();
    let found = shown(&folder, &["payment", "1231-3424"]);
    assert_eq!(
        (&found["payments"][0]["payer"], &found["payments"][0]["collected"]),
        (&"brianb-40".into(), &"usd 42.50".into())
    );
    let other = shown(&folder, &["payment", "1231-3424", "--payee", "brianb-40"]);
    assert_eq!(other["payments"].as_array().map(Vec::len), Some(0));
    let session = shown(&folder, &["session", &wallet.id_text()]);
    assert_eq!(
        (&session["sessions"][0]["current"], &session["sessions"][0]["uses"]),
        (&"usd 7.50".into(), &"1".into())
    );
    let persona = shown(&folder, &["persona", "brianb-40"]);
    assert_eq!(persona["containers"][0]["available"], "usd 50.00");
    assert!(!persona.to_string().contains(ACCOUNT), "no number is shown: none is known");
    // Disabled, an instrument stays so though its owner binds it anew.
    shown(&folder, &["instrument", "disable", "brianb-40", "1"]);
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, Some(Problem::INSTRUMENT_DISABLED));
    world.bind(&mut brian, ACCOUNT, "dda", "load,unload").await;
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, Some(Problem::INSTRUMENT_DISABLED));
    shown(&folder, &["instrument", "enable", "brianb-40", "1"]);
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.balance, Some(money("usd 51.00")));
    // What it waits for, and how much it may move.
    shown(&folder, &["instrument", "status", "brianb-40", "1", "pending-signature"]);
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, Some(Problem::INSTRUMENT_DISABLED));
    shown(&folder, &["instrument", "enable", "brianb-40", "1"]);
    let table = shown(&folder, &["instrument", "limit", "brianb-40", "1", "unload", "--once", "0"]);
    assert_eq!(table["instruments"][0]["limits"], "unload off");
    assert_eq!(world.move_funds(&mut brian, "usd -1.00").await.problem, Some(Problem::FUNCTION_DISABLED));
    let limit = ["instrument", "limit", "brianb-40", "1", "unload", "--once", "5", "--window", "9", "--hours", "2"];
    assert_eq!(shown(&folder, &limit)["instruments"][0]["limits"], "unload 5 at once, 9 in 2 h");
    assert_eq!(world.move_funds(&mut brian, "usd -6.00").await.problem, Some(Problem::LIMIT_EXCEEDED));
    let too_long = ["instrument", "limit", "brianb-40", "1", "unload", "--window", "9", "--hours", "8785"];
    assert!(refused(&folder, &too_long).contains("1..=8784"), "a window is at most a year");
    let table = shown(&folder, &["instrument", "unlimit", "brianb-40", "1", "unload"]);
    assert_eq!(table["instruments"][0]["limits"], "the issuer's");
    // Limits of what merchants do with it (fig. 4D, fields 16 to 19, 25 and 26) are kept, and limit nothing else.
    shown(&folder, &["instrument", "limit", "brianb-40", "1", "credit", "--once", "0"]);
    let charge = ["instrument", "limit", "brianb-40", "1", "charge", "--once", "1", "--window", "2", "--hours", "3"];
    assert_eq!(shown(&folder, &charge)["instruments"][0]["limits"], "charge 1 at once, 2 in 3 h; credit off");
    assert_eq!(world.move_funds(&mut brian, "usd 5.00").await.problem, None);
    assert_eq!(world.move_funds(&mut brian, "usd -5.00").await.problem, None);
    let persona = shown(&folder, &["persona", "brianb-40"]);
    assert_eq!(persona["instruments"][0]["limits"], "charge 1 at once, 2 in 3 h; credit off");
    shown(&folder, &["instrument", "unlimit", "brianb-40", "1", "charge"]);
    shown(&folder, &["instrument", "unlimit", "brianb-40", "1", "credit"]);
    for name in ["dance", "load,unload", ""] {
        assert!(
            refused(&folder, &["instrument", "limit", "brianb-40", "1", name]).contains("is no function"),
            "{name}"
        );
    }
    assert!(refused(&folder, &["instrument", "status", "brianb-40", "1", "fine"]).contains("is no status"));
    assert!(refused(&folder, &["instrument", "enable", "brianb-40", "9"]).contains("has no instrument 9"));
    // Switched off here, refused there.
    shown(&folder, &["switch", "off", "--persona", "brianb-40", "--service", "unload", "--note", "asked by phone"]);
    world.server.refresh(world.now).await.expect("settings");
    assert_eq!(world.move_funds(&mut brian, "usd -1.00").await.problem, Some(Problem::SERVICE_DISABLED));
    shown(&folder, &["switch", "on", "--persona", "brianb-40", "--service", "unload"]);
    world.server.refresh(world.now).await.expect("settings");
    assert_eq!(world.move_funds(&mut brian, "usd -1.00").await.problem, None);
    common::assert_sound(&*world.store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_looked_through_and_set_in_the_same_words() {
    let mut world = World::new(Protocol::V2, Kind::Postgres);
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let (mut wallet, mut till) =
        (world.open(&mut brian, "usd 50.00", 60, 10).await, world.open(&mut acme, "usd 0.00", 60, 10).await);
    let keys = tempfile::tempdir().expect("a folder");
    let database = world.database();
    let on_database = |args: &[&str]| -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server-stub"));
        command.args(["admin", "--json", "--database", &database, "--keys-dir"]).arg(keys.path()).args(args);
        let output = command.output().expect("the program runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    on_database(&["fee", "set", "collect", "usd", "--fixed", "0.25", "--from", "2099-01-01"]);
    // What the server goes by is what it was told at its last look.
    world.server.refresh(common::value("20990101000000000")).await.expect("settings");
    let payee = acme.id.clone().expect("a persona");
    let deal = Deal { payee: &payee, order: "1231-3424", price: "usd 42.50", amount: "usd 42.50" };
    world.pay(&mut wallet, &mut till, &deal).await;
    let payment = &on_database(&["payment", "1231-3424"])["payments"][0];
    assert_eq!((&payment["payer"], &payment["collected"]), (&"brianb-40".into(), &"usd 42.50".into()));
    assert_eq!(payment["fee"], "usd 0.25");
    let to_acme = on_database(&["payment", "1231-3424", "--payee", "acme-82", "--limit", "1"]);
    assert_eq!((&to_acme["payments"][0]["index"], &to_acme["more"]), (&"1".into(), &Value::Array(vec![])));
    assert_eq!(on_database(&["report", "list"])["reports"], Value::Array(vec![]));
    let session = &on_database(&["session", &till.id_text()])["sessions"][0];
    assert_eq!((&session["current"], &session["persona"]), (&"usd 42.25".into(), &"acme-82".into()));
    let persona = on_database(&["persona", "brianb-40"]);
    assert_eq!(persona["containers"][0]["available"], "usd 50.00");
    let limited = on_database(&["instrument", "limit", "brianb-40", "1", "load", "--once", "7"]);
    assert_eq!(limited["instruments"][0]["limits"], "load 7 at once");
    let limited = on_database(&["instrument", "limit", "brianb-40", "1", "credit", "--window", "9"]);
    assert_eq!(limited["instruments"][0]["limits"], "credit 9 in 24 h; load 7 at once");
    assert_eq!(world.move_funds(&mut brian, "usd 8.00").await.problem, Some(Problem::LIMIT_EXCEEDED));
    common::assert_sound(&*world.store).await;
}

/// A server whose books are in a folder that the operator's tools find keys in, and what three strangers have told it.
async fn reported() -> World {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    std::fs::create_dir(world.folder().join("keys")).expect("a folder");
    for n in 1..=3 {
        let mut actor = Actor::new(Protocol::V2, "customer", "brianb");
        actor.transaction = n;
        let body = MessageReport {
            server_date: world.now,
            swversion: common::value("1.0ref"),
            problem: Problem::FORM,
            diagnosis: Some(common::value(&format!("{n}: {}", "what is wrong with it, at length. ".repeat(9).trim()))),
            received: Some(common::value("$$-CyberCash-2.0-$$\ntype: x")),
        };
        let sent = world.seal(&mut actor, &body);
        let answer = world.server.handle(sent.text.as_bytes(), world.now, &mut world.rng).await;
        assert_eq!(answer, Answer::NoContent);
        world.pass_secs(60);
    }
    world
}

#[tokio::test]
async fn reports_are_listed_shown_and_removed() {
    let world = reported().await;
    let folder = world.folder();
    let name = |shown: &Value, n: usize| shown["reports"][n]["report"].as_str().expect("a name").to_owned();
    let said = |shown: &Value| -> Vec<String> {
        let rows = shown["reports"].as_array().expect("rows").iter();
        rows.map(|row| row["diagnosis"].as_str().expect("a text").to_owned()).collect()
    };
    let all = shown(folder, &["report", "list"]);
    assert!(said(&all).iter().zip(["1: ", "2: ", "3: "]).all(|(said, start)| said.starts_with(start)), "{all}");
    assert_eq!((said(&all).len(), &all["more"], &all["reports"][0]["bytes"]), (3, &Value::Array(vec![]), &"27".into()));
    assert_eq!(all["reports"][0]["diagnosis"].as_str().map(str::len), Some(60), "the list is short");
    let first = shown(folder, &["report", "list", "--limit", "2"]);
    assert_eq!((said(&first).len(), &first["more"][0]["after"]), (2, &name(&all, 1).into()));
    let rest = shown(folder, &["report", "list", "--after", &name(&first, 1)]);
    assert_eq!((said(&rest).len(), name(&rest, 0)), (1, name(&all, 2)));
    let one = shown(folder, &["report", "show", &name(&all, 1)]);
    assert!(said(&one)[0].len() > 60, "and shown alone, a report is whole");
    assert_eq!(
        (&one["received"][0]["line"], &one["received"][1]["line"]),
        (&"$$-CyberCash-2.0-$$".into(), &"type: x".into())
    );
    for (args, why) in [
        (&["report", "show", "nothing"][..], "is no report"),
        (&["report", "remove"], "required"),
        (&["report", "remove", &name(&all, 0), "--until", "2026-11-22"], "cannot be used with"),
        (&["report", "list", "--limit", "1001"], "1..=1000"),
        (&["report", "remove", &name(&all, 0), &format!("{}=", "A".repeat(43))], "there is no report"),
    ] {
        let said = refused(folder, args);
        assert!(said.contains(why), "{args:?}: {said}");
    }
    let left = shown(folder, &["report", "remove", &name(&all, 1)]);
    assert_eq!((name(&left, 0), name(&left, 1), said(&left).len()), (name(&all, 0), name(&all, 2), 2));
    // The third came two minutes after the first, which is from 05:18:02.
    let left = shown(folder, &["report", "remove", "--until", "2026-11-21T05:20:02"]);
    assert_eq!((name(&left, 0), said(&left).len()), (name(&all, 2), 1));
}

#[tokio::test]
async fn payments_of_an_order_come_a_page_at_a_time() {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    std::fs::create_dir(world.folder().join("keys")).expect("a folder");
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let (mut wallet, mut till) =
        (world.open(&mut brian, "usd 50.00", 60, 10).await, world.open(&mut acme, "usd 0.00", 60, 10).await);
    let payee = acme.id.clone().expect("a persona");
    let deal = Deal { payee: &payee, order: "1231-3424", price: "usd 1.00", amount: "usd 1.00" };
    for _ in 0..3 {
        world.pay(&mut wallet, &mut till, &deal).await;
    }
    let folder = world.folder();
    let of = |more: &[&str]| shown(folder, &[&["payment", "1231-3424", "--payee", "acme-82"], more].concat());
    let indexes = |shown: &Value| -> Vec<String> {
        let rows = shown["payments"].as_array().expect("rows").iter();
        rows.map(|row| row["index"].as_str().expect("a number").to_owned()).collect()
    };
    let first = of(&["--limit", "2"]);
    assert_eq!(indexes(&first), ["1", "2"]);
    let after = first["more"][0]["after"].as_str().expect("a place");
    let last = of(&["--limit", "2", "--after", after]);
    assert_eq!((indexes(&last), &last["more"]), (vec!["3".to_owned()], &Value::Array(vec![])));
    assert!(refused(folder, &["payment", "1231-3424", "--after", "17"]).contains("is no place"));
}
