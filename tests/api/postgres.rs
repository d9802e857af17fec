//! A PostgreSQL of our own, started from the installed programs for this test run and gone with it.
//! `TANDEM_TEST_POSTGRES_URL` names one that is there instead; databases are made in it.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// It is up within so long, on a busy machine too.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// The server's address, ending in a slash; none where PostgreSQL is not installed.
fn server() -> Option<&'static str> {
    static SERVER: OnceLock<Option<String>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        if let Ok(url) = std::env::var("TANDEM_TEST_POSTGRES_URL") {
            return Some(format!("{}/", url.trim_end_matches('/')));
        }
        let Some(bin) = installed() else {
            let required = std::env::var("TANDEM_POSTGRES_REQUIRED").is_ok();
            assert!(!required, "PostgreSQL is required and not installed");
            eprintln!("PostgreSQL is not installed: its half of the stories is not told");
            return None;
        };
        Some(start(&bin))
    });
    server.as_deref()
}

/// The address of a new, empty database; none where PostgreSQL is not installed.
pub async fn database() -> Option<String> {
    // Starting it takes a second of a thread.
    let server = tokio::task::spawn_blocking(server).await.expect("it starts")?;
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

fn start(bin: &Path) -> String {
    let folder = std::env::temp_dir().join(format!("tandem-pg-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    if is_root() {
        let given = Command::new("chown").arg("postgres").arg(&folder).status().expect("chown");
        assert!(given.success(), "the folder is given to PostgreSQL's user");
    }
    let data = folder.join("data");
    let made = program(bin, "initdb")
        .arg("-D")
        .arg(&data)
        .args(["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"])
        .status()
        .expect("initdb runs");
    assert!(made.success(), "initdb makes a cluster");
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("one").port();
    let mut postgres = program(bin, "postgres");
    postgres.arg("-D").arg(&data).arg("-k").arg(&folder).args(["-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=400",
    ] {
        postgres.args(["-c", setting]);
    }
    // The server is to die with this process, not with a test's thread.
    std::thread::spawn(move || {
        let _ = postgres.spawn().expect("postgres runs").wait();
        let _ = std::fs::remove_dir_all(folder);
    });
    let until = Instant::now() + STARTS_WITHIN;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "PostgreSQL answers");
        std::thread::sleep(Duration::from_millis(20));
    }
    format!("postgres://postgres@127.0.0.1:{port}/")
}
