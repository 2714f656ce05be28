//! Tables are made one statement at a time: whoever is killed in between is succeeded by somebody who completes them.

use std::process::Output;

use server_stub::store::PostgresStore;
use server_stub::store::postgres::all_statements;

use crate::common::cluster::{Cluster, Durability};

fn psql(cluster: &Cluster, commands: &[&str]) -> Output {
    let mut psql = cluster.client("psql");
    psql.args(["-q", "-v", "ON_ERROR_STOP=1"]);
    for command in commands {
        psql.args(["-c", command]);
    }
    let output = psql.output().expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The tables, as PostgreSQL writes them down.
fn tables(cluster: &Cluster) -> String {
    let mut dump = cluster.client("pg_dump");
    let output = dump.args(["--schema-only", "--no-comments"]).output().expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A sequence gets another name where two make its table at once, and one of them is told to go back.
    let text = String::from_utf8_lossy(&output.stdout).replace("_seq1", "_seq");
    // Newer ones name each dump by a random word.
    text.lines().filter(|line| !line.starts_with('\\') && !line.starts_with("--")).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_were_left_half_made_are_completed() {
    let cluster = Cluster::start(Durability::Quick);
    let config: tokio_postgres::Config = cluster.url().parse().expect("an address");
    let nothing = ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"];
    psql(&cluster, &nothing);
    PostgresStore::open(&config).await.expect("a store");
    let whole = tables(&cluster);
    assert!(whole.contains("fillfactor='50'") && whole.contains("session_130_open"), "{whole}");
    let statements = all_statements();
    for made in 0..statements.len() {
        let commands: Vec<&str> = statements[..made].iter().map(String::as_str).collect();
        psql(&cluster, &[&nothing, &commands[..]].concat());
        // Two that start at once, as after a failure of all machines.
        let (one, other) = tokio::join!(PostgresStore::open(&config), PostgresStore::open(&config));
        one.and(other).unwrap_or_else(|error| panic!("after {made} statements: {error}"));
        assert_eq!(tables(&cluster), whole, "after {made} statements");
    }
}
