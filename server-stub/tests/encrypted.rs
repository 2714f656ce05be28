//! A database that is reached under TLS.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::cluster::Cluster;
use common::program::server_stub;

/// What `openssl` makes a certificate from: one of a host, not of an authority.
const HOST: &str = "[req]\ndistinguished_name = dn\n[dn]\n[host]\nsubjectAltName = IP:127.0.0.1\n\
                    basicConstraints = critical, CA:FALSE\n";

/// Makes `NAME.crt` and `NAME.key` in a folder.
fn certificate(folder: &Path, name: &str) {
    let settings = folder.join("openssl.cnf");
    std::fs::write(&settings, HOST).expect("a file");
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]);
    command.arg("-config").arg(&settings).args(["-extensions", "host", "-subj", "/CN=database", "-keyout"]);
    command.arg(folder.join(format!("{name}.key"))).arg("-out").arg(folder.join(format!("{name}.crt")));
    let output = command.output().expect("openssl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Lists rates, trusting one certificate.
fn rates(database: &str, keys: &Path, trusted: &Path) -> Output {
    let mut command = server_stub("admin");
    command.args(["--database", database, "--keys-dir"]).arg(keys).args(["rate", "list"]);
    command.env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR").output().expect("the program runs")
}

#[test]
fn a_database_is_reached_under_tls_if_it_proves_which_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    certificate(folder.path(), "database");
    certificate(folder.path(), "other");
    let file = |name: &str| folder.path().join(name);
    let cluster = Cluster::start_encrypted(&file("database.crt"), &file("database.key"));
    let encrypted = format!("{}?sslmode=require", cluster.url());
    let listed = rates(&encrypted, folder.path(), &file("database.crt"));
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    assert!(String::from_utf8_lossy(&listed.stdout).contains("usd"));
    // Somebody else's certificate, a name that is not in it, and no encryption at all.
    let by_name = encrypted.replace("127.0.0.1", "localhost");
    for (database, trusted) in [(&encrypted, "other.crt"), (&by_name, "database.crt"), (&cluster.url(), "database.crt")]
    {
        let refused = rates(database, folder.path(), &file(trusted));
        assert!(!refused.status.success(), "{database}, trusting {trusted}");
    }
}
