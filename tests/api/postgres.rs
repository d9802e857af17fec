//! A PostgreSQL of our own, started from the installed programs for this test run and gone with it.
//! `TANDEM_TEST_POSTGRES_URL` names one that is there instead; databases are made in it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// It is up within so long, on a busy machine too.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// The server's address, ending in a slash; none where PostgreSQL is not installed.
fn server(keeping: Keeping) -> Option<&'static str> {
    static SERVERS: [OnceLock<Option<String>>; 2] = [OnceLock::new(), OnceLock::new()];
    let server = SERVERS[keeping as usize].get_or_init(|| {
        if let Ok(url) = std::env::var("TANDEM_TEST_POSTGRES_URL") {
            return Some(format!("{}/", url.trim_end_matches('/')));
        }
        let Some(bin) = installed() else {
            let required = std::env::var("TANDEM_POSTGRES_REQUIRED").is_ok();
            assert!(!required, "PostgreSQL is required and not installed");
            eprintln!("PostgreSQL is not installed: its half of the stories is not told");
            return None;
        };
        Some(start(&bin, keeping))
    });
    server.as_deref()
}

/// What becomes of what is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    /// It is written some time: quick, and enough for a test.
    Loosely,
    /// The disk has it before the commit is answered, as PostgreSQL does unless told otherwise.
    Durably,
}

/// The address of a new, empty database; none where PostgreSQL is not installed.
pub async fn database() -> Option<String> {
    database_in(Keeping::Loosely).await
}

/// The same of a server that has the disk confirm each commit: for what is measured.
#[allow(dead_code)]
pub async fn durable_database() -> Option<String> {
    database_in(Keeping::Durably).await
}

async fn database_in(keeping: Keeping) -> Option<String> {
    // Starting it takes a second of a thread.
    let server = tokio::task::spawn_blocking(move || server(keeping)).await.expect("it starts")?;
    let name = format!("t{}", uuid::Uuid::new_v4().simple());
    let mut admin = connect(&format!("{server}postgres")).await;
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut admin).await.expect("makes a database");
    Some(format!("{server}{name}"))
}

/// A connection; the server takes the port before it takes requests.
async fn connect(url: &str) -> PgConnection {
    let until = Instant::now() + STARTS_WITHIN;
    loop {
        match PgConnection::connect(url).await {
            Ok(connection) => return connection,
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some("57P03") && Instant::now() < until =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("PostgreSQL is connected to: {error}"),
        }
    }
}

/// Where the server's programs are.
fn installed() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    folders.extend(std::env::var_os("TANDEM_TEST_POSTGRES_BIN").map(PathBuf::from));
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// Does this process run as root? PostgreSQL refuses to.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A program of PostgreSQL's, as a user that it accepts, which dies with the thread that starts it.
fn program(bin: &Path, name: &str) -> Command {
    let path = bin.join(name);
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig").arg("KILL");
    if is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(path).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn start(bin: &Path, keeping: Keeping) -> String {
    let cluster = Cluster::make(bin, &format!("of-all-{}", keeping as usize), keeping);
    let url = cluster.url();
    cluster.run();
    url
}

/// A server of one test's own, which it stops and starts again.
#[allow(dead_code)]
pub struct Own {
    cluster: Cluster,
    running: Option<Running>,
}

#[allow(dead_code)]
impl Own {
    /// A running one; none where PostgreSQL is not installed.
    pub fn start() -> Option<Own> {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
        let Some(bin) = installed() else {
            assert!(std::env::var("TANDEM_POSTGRES_REQUIRED").is_err(), "PostgreSQL is required");
            return None;
        };
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let cluster = Cluster::make(&bin, &number.to_string(), Keeping::Loosely);
        let running = Some(cluster.run());
        Some(Own { cluster, running })
    }

    /// The address of its one database.
    pub fn url(&self) -> String {
        format!("{}postgres", self.cluster.url())
    }

    /// Stops it as a service is stopped: connections are told so and closed.
    pub fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        let told = Command::new("kill").args(["-INT", &running.pid.to_string()]).status();
        assert!(told.expect("kill runs").success(), "it is told to stop");
        running.ended.join().expect("it stops");
    }

    /// Starts it again, with what it had.
    pub fn again(&mut self) {
        self.running = Some(self.cluster.run());
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = Command::new("kill").args(["-KILL", &running.pid.to_string()]).status();
            let _ = running.ended.join();
        }
        let _ = std::fs::remove_dir_all(&self.cluster.folder);
    }
}

struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    port: u16,
    keeping: Keeping,
}

struct Running {
    pid: u32,
    ended: std::thread::JoinHandle<()>,
}

impl Cluster {
    fn make(bin: &Path, name: &str, keeping: Keeping) -> Cluster {
        let name = format!("tandem-pg-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        if is_root() {
            let given = Command::new("chown").arg("postgres").arg(&folder).status().expect("chown");
            assert!(given.success(), "the folder is given to PostgreSQL's user");
        }
        let made = program(bin, "initdb")
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"])
            .status()
            .expect("initdb runs");
        assert!(made.success(), "initdb makes a cluster");
        let port = fixtures::ports::free();
        Cluster { bin: bin.to_owned(), folder, port, keeping }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/", self.port)
    }

    /// Runs it; it takes connections when this returns.
    fn run(&self) -> Running {
        let mut postgres = program(&self.bin, "postgres");
        postgres.arg("-D").arg(self.folder.join("data"));
        postgres.arg("-k").arg(&self.folder).args(["-p", &self.port.to_string()]);
        let quick = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
        let quick = quick.into_iter().filter(|_| self.keeping == Keeping::Loosely);
        for setting in
            ["listen_addresses=127.0.0.1", "max_connections=400"].into_iter().chain(quick)
        {
            postgres.args(["-c", setting]);
        }
        let (started, pid) = std::sync::mpsc::channel();
        // The server is to die with this process, not with a test's thread.
        let ended = std::thread::spawn(move || {
            let mut child = postgres.spawn().expect("postgres runs");
            let _ = started.send(child.id());
            let _ = child.wait();
        });
        let pid = pid.recv().expect("postgres runs");
        let until = Instant::now() + STARTS_WITHIN;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "PostgreSQL answers");
            std::thread::sleep(Duration::from_millis(20));
        }
        Running { pid, ended }
    }
}
