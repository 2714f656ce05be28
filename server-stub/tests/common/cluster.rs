//! A PostgreSQL of the test's own: a private cluster in a temporary folder, on loopback, gone when it is dropped.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Debian keeps the programs of each version in a folder of their own.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Who owns the cluster, and who runs it where the test is run by root: PostgreSQL refuses to be run by root.
const USER: &str = "postgres";
/// How often to ask whether it is up, and how long to wait in between.
const TRIES: usize = 600;
const PAUSE: Duration = Duration::from_millis(20);
/// Another process may take the port that was free a moment ago.
const STARTS: usize = 5;

/// Whether what is acknowledged survives a failure of the machine; tests that only kill processes need not wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As in production.
    Full,
    /// `fsync=off`: quicker to start.
    Quick,
}

/// A running cluster.
pub struct Cluster {
    server: Child,
    port: u16,
    /// Where its data are; gone with it.
    _folder: TempDir,
}

impl Cluster {
    /// Makes a cluster and starts it.
    pub fn start(durability: Durability) -> Self {
        Self::start_prepared(durability, |_| {})
    }

    /// One that is reached under TLS and not otherwise.
    pub fn start_encrypted(certificate: &Path, key: &Path) -> Self {
        Self::start_prepared(Durability::Quick, |data| {
            let files = [(certificate, "server.crt"), (key, "server.key")];
            for (from, name) in files {
                std::fs::copy(from, data.join(name)).expect("a copy");
                std::fs::set_permissions(data.join(name), Permissions::from_mode(0o600)).expect("a mode");
                own(&data.join(name));
            }
            std::fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 trust\n").expect("a file");
            let mut settings = File::options().append(true).open(data.join("postgresql.conf")).expect("a file");
            settings.write_all(b"ssl = on\n").expect("a line");
        })
    }

    fn start_prepared(durability: Durability, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        own(folder.path());
        let data = folder.path().join("data");
        let mut initdb = program("initdb");
        initdb.args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username", USER, "-D"]);
        output(initdb.arg(&data));
        prepare(&data);
        for _ in 0..STARTS {
            let port = free_port();
            let mut server = launch(&data, port, durability);
            if is_up(&mut server, port) {
                return Self { server, port, _folder: folder };
            }
        }
        panic!("PostgreSQL does not start");
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{USER}", self.port)
    }

    /// A program of this PostgreSQL, told where the cluster is.
    pub fn client(&self, name: &str) -> Command {
        let mut command = Command::new(folder_of_programs().join(name));
        command.args(["-h", "127.0.0.1", "-U", USER, "-p"]).arg(self.port.to_string());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGQUIT: at once, with all its processes; what it leaves goes with the folder.
        let pid = self.server.id().to_string();
        let _ = Command::new("kill").args(["-s", "QUIT", &pid]).status();
        let _ = self.server.wait();
    }
}

/// Gives a file to whoever runs the cluster.
fn own(path: &Path) {
    if is_root() {
        let id = |flag| output(Command::new("id").args([flag, USER])).trim().parse().expect("a number");
        std::os::unix::fs::chown(path, Some(id("-u")), Some(id("-g"))).expect("a new owner");
    }
}

fn launch(data: &Path, port: u16, durability: Durability) -> Child {
    let mut postgres = program("postgres");
    postgres.arg("-D").arg(data).arg("-p").arg(port.to_string());
    postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=60"]);
    if durability == Durability::Quick {
        postgres.args(["-c", "fsync=off"]);
    }
    postgres.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("PostgreSQL starts")
}

fn is_up(server: &mut Child, port: u16) -> bool {
    for _ in 0..TRIES {
        if server.try_wait().expect("a process").is_some() {
            return false;
        }
        let mut ready = Command::new(folder_of_programs().join("pg_isready"));
        let asked = ready.args(["-q", "-h", "127.0.0.1", "-p"]).arg(port.to_string()).status();
        if asked.expect("pg_isready runs").success() {
            return true;
        }
        std::thread::sleep(PAUSE);
    }
    false
}

/// A program of PostgreSQL's server, run by who may run it, and ended when we end.
fn program(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
    }
    command.arg(folder_of_programs().join(name)).current_dir("/");
    command
}

/// The newest version that is installed.
pub fn folder_of_programs() -> PathBuf {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let installed = versions.filter(|folder| folder.join("initdb").is_file());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = installed.max().or_else(|| std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file()));
    found.expect("PostgreSQL is installed; `cargo xtask setup` does it")
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).trim() == "0"
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
