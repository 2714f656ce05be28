//! B: pgbench's TPC-B-like.

use std::process::Command;

/// How long each number of connections is measured, seconds.
const SECONDS: &str = "8";
/// Connections that are tried; the best counts.
const CLIENTS: [&str; 3] = ["8", "16", "32"];

/// Transactions per second on a cluster, whose programs `client` makes.
pub fn tpc_b(client: impl Fn(&str) -> Command) -> f64 {
    let filled = client("pgbench").args(["-i", "-q", "-s", "10", "postgres"]).output().expect("pgbench runs");
    assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
    let tps = |clients: &str| {
        let mut run = client("pgbench");
        run.args(["-j", "2", "-M", "prepared", "-T", SECONDS, "-c", clients, "postgres"]);
        let said = String::from_utf8(run.output().expect("pgbench runs").stdout).expect("text");
        let line = said.lines().find_map(|line| line.strip_prefix("tps = ")).expect("a figure");
        line.split(' ').next().and_then(|figure| figure.parse::<f64>().ok()).expect("a number")
    };
    CLIENTS.into_iter().map(tps).fold(0.0, f64::max)
}
