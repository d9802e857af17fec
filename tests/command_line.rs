//! The binary, as people and scripts run it.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tandem::{app::App, config::Config, domain::Role};

/// A data folder of its own, and the binary with that alone in its environment.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Machine { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        command.args(args).env_clear().env("TANDEM_DATA_DIR", self.path("data"));
        command
    }

    /// Runs it with this on standard input.
    fn run(&self, args: &[&str], input: &str) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        // It may end without reading.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        child.wait_with_output().expect("it ends")
    }

    #[track_caller]
    fn told(&self, args: &[&str], input: &str) -> Value {
        let output = self.run(args, input);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What it says when it refuses.
    #[track_caller]
    fn refused(&self, args: &[&str], input: &str) -> String {
        let output = self.run(args, input);
        assert!(!output.status.success(), "{args:?}: {}", text(&output.stdout));
        assert!(output.stdout.is_empty(), "what is wrong is not said to standard output");
        text(&output.stderr)
    }

    /// The same data, from inside.
    async fn app(&self) -> App {
        let data = self.path("data").display().to_string();
        let env = |name: &str| (name == "TANDEM_DATA_DIR").then(|| data.clone());
        let config = Config::load(None, &env).expect("the settings are sound");
        App::open_offline(config.control).await.expect("it opens")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn users_are_added_listed_and_let_back_in() {
    let machine = Machine::new();
    let add =
        ["user", "add", "Ann@Example.com", "--name", "Ann Smith", "--password-stdin", "--json"];
    let ann = machine.told(&add, "correct horse battery\n");
    assert_eq!(ann["user"]["email"], "ann@example.com");
    assert_eq!(ann["user"]["role"], "owner", "the first user owns the organisation");
    let again = machine.refused(&add, "correct horse battery\n");
    assert!(again.contains("which role? --role is one of viewer, tech"), "{again}");

    let add = ["user", "add", "bo@example.com", "--role", "viewer", "--link", "--json"];
    let bo = machine.told(&add, "");
    let token = bo["reset"]["token"].as_str().expect("a token");
    assert!(bo["reset"]["link"].as_str().expect("a link").ends_with(token));

    let listed = machine.told(&["user", "list", "--json"], "");
    let users = listed["users"].as_array().expect("users");
    let emails: Vec<&str> = users.iter().filter_map(|user| user["email"].as_str()).collect();
    assert_eq!(emails, ["ann@example.com", "bo@example.com"]);
    let shown = text(&machine.run(&["user", "list"], "").stdout);
    assert!(shown.contains("ann@example.com") && !shown.contains("argon2"), "{shown}");

    let app = machine.app().await;
    let signed_in = app.log_in("ann@example.com", "correct horse battery", None).await;
    let signed_in = signed_in.expect("signs in");
    app.log_in("bo@example.com", "", None).await.expect_err("there is no password yet");
    app.reset_password(token, "bo's own password").await.expect("the link's token works");
    app.log_in("bo@example.com", "bo's own password", None).await.expect("signs in");

    let reset = ["user", "reset", "ann@example.com", "--password-stdin"];
    let output = machine.run(&reset, "another password");
    assert!(output.status.success(), "{}", text(&output.stderr));
    app.log_in("ann@example.com", "another password", None).await.expect("signs in");
    app.verify(&signed_in.access, None).await.expect_err("old sign-ins have ended");
}

#[tokio::test]
async fn organisations_are_named_and_never_made_by_mistake() {
    let machine = Machine::new();
    let add = ["user", "add", "a@example.com", "--organisation", "Dental Überlingen", "--link"];
    let refused = machine.refused(&add, "");
    assert!(refused.contains("--create-organisation makes it"), "{refused}");
    let mut add = add.to_vec();
    add.push("--create-organisation");
    let output = machine.run(&add, "");
    assert!(text(&output.stdout).contains("is an owner of Dental Überlingen"), "{output:?}");
    let app = machine.app().await;
    let all = app.organisations().await.expect("a list");
    assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Dental Überlingen"]);
    let users = app.users_of(all[0].id.into()).await.expect("a list");
    assert!(matches!(&users[..], [one] if one.role == Role::Owner), "{users:?}");
}

#[test]
fn what_cannot_be_done_is_said_in_words() {
    let machine = Machine::new();
    let cases: [(&[&str], &str, &str); 7] = [
        (&["user", "add", "a@example.com"], "", "give --password-stdin, or --link"),
        (
            &["user", "add", "a@example.com", "--password-stdin"],
            "short",
            "password must have from 8",
        ),
        (&["user", "add", "nobody", "--link"], "", "email must be an e-mail address"),
        (
            &["user", "add", "a@example.com", "--link", "--role", "king"],
            "",
            "possible values: viewer",
        ),
        (
            &["user", "add", "a@example.com", "--link", "--password-stdin"],
            "",
            "cannot be used with",
        ),
        (&["user", "reset", "no@example.com", "--link"], "", "has the address no@example.com"),
        (&["backup", "copy.db"], "", "there is no database at"),
    ];
    for (args, input, says) in cases {
        // Each on a fresh machine: the last one must not find what the others made.
        let machine = Machine::new();
        let refused = machine.refused(args, input);
        assert!(refused.contains(says), "{args:?}: {refused}");
    }
    for args in [vec![], vec!["user"], vec!["user", "add"], vec!["migrate"], vec!["backup"]] {
        let args = [&args[..], &["--help"]].concat();
        let output = machine.run(&args, "");
        assert!(output.status.success() && text(&output.stdout).contains("Usage: tandem"));
    }
}

#[test]
fn the_schema_is_made_and_the_database_copied_while_in_use() {
    let machine = Machine::new();
    let made = machine.told(&["migrate", "--json"], "");
    assert!(made["version"].as_i64().expect("a version") >= 1, "{made}");
    assert_eq!(machine.told(&["migrate", "--json"], ""), made, "twice is as once");
    machine.told(&["user", "add", "a@example.com", "--link", "--json"], "");

    let (copy, data) = (machine.path("copy.db"), machine.path("data"));
    let name = copy.display().to_string();
    let done = machine.told(&["backup", &name, "--json"], "");
    assert_eq!(done["bytes"], std::fs::metadata(&copy).expect("it is there").len());
    assert!(machine.refused(&["backup", &name], "").contains("is there already"));

    std::fs::copy(&copy, data.join("tandem.db")).expect("put back");
    for left in ["tandem.db-wal", "tandem.db-shm"] {
        let _ = std::fs::remove_file(data.join(left));
    }
    let listed = machine.told(&["user", "list", "--json"], "");
    assert_eq!(listed["users"][0]["email"], "a@example.com");
}

#[test]
fn check_tells_of_the_database_and_of_mail() {
    let machine = Machine::new();
    let findings = |command: &mut Command| -> Vec<Value> {
        let output = command.args(["check", "--json"]).output().expect("it runs");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let finding = |findings: &[Value], what: &str| {
        findings.iter().find(|one| one["what"] == what).expect("it is looked at").clone()
    };
    let none = findings(&mut machine.command(&[]));
    assert!(finding(&none, "database")["says"].as_str().expect("text").contains("not made yet"));
    assert!(!machine.path("data/tandem.db").exists(), "looking makes nothing");
    assert_eq!(finding(&none, "mail")["ok"], true);

    machine.told(&["migrate", "--json"], "");
    let mut command = machine.command(&[]);
    // Nobody listens at the discard port.
    command
        .env("TANDEM_SMTP_URL", "smtp://user:hunter2@127.0.0.1:9")
        .env("TANDEM_MAIL_FROM", "t@example.com");
    let found = findings(&mut command);
    let database = finding(&found, "database");
    assert!(database["says"].as_str().expect("text").contains("version 1"), "{database}");
    let mail = finding(&found, "mail");
    assert_eq!(mail["ok"], false);
    assert!(!mail.to_string().contains("hunter2"), "{mail}");
}

/// A person at a terminal, played by Python's pseudo-terminals: what is shown, what is typed, in turns.
#[cfg(unix)]
fn at_a_terminal(command: &Command, talk: &[(&str, &str)], until: &str) -> String {
    let script = r#"
import json, os, pty, select, signal, sys, termios, time
talk, until, argv = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(argv[0], argv)
shown, seen, deadline = "", 0, time.monotonic() + 90

def is_ready(prompt):
    """Is the prompt there, and is a secret that is typed now not shown?"""
    shows = termios.tcgetattr(terminal)[3] & termios.ECHO
    return prompt in shown[seen:] and (prompt.startswith("E-mail") or not shows)

waiting = [tuple(pair) for pair in talk]
while time.monotonic() < deadline:
    if waiting and is_ready(waiting[0][0]):
        seen = len(shown)
        os.write(terminal, (waiting.pop(0)[1] + "\n").encode())
    elif not waiting and until in shown[seen:]:
        break
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            got = os.read(terminal, 4096)
        except OSError:
            break
        if not got:
            break
        shown += got.decode(errors="replace")
os.kill(pid, signal.SIGTERM)
os.waitpid(pid, 0)
print(json.dumps(shown))
"#;
    let mut python = Command::new("python3");
    python.args(["-c", script, &serde_json::to_string(talk).expect("JSON"), until]);
    python.arg(command.get_program()).args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        python.env(name, value.unwrap_or_default());
    }
    python.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let output = python.stdin(Stdio::null()).output().expect("Python runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[cfg(unix)]
#[tokio::test]
async fn at_a_terminal_a_password_is_asked_for_twice_and_not_shown() {
    let machine = Machine::new();
    let command = machine.command(&["user", "add", "ann@example.com"]);
    let shown = at_a_terminal(
        &command,
        &[("Password", "correct horse battery"), ("The same again", "correct hrose battery")],
        "Password",
    );
    assert!(shown.contains("two different ones") && !shown.contains("horse"), "{shown}");
    let talk = [("Password", "correct horse battery"), ("The same again", "correct horse battery")];
    let shown = at_a_terminal(&command, &talk, "is an owner");
    assert!(shown.contains("ann@example.com is an owner"), "{shown}");
    let app = machine.app().await;
    app.log_in("ann@example.com", "correct horse battery", None).await.expect("signs in");
}

/// Keys that reach nobody: the server starts without speech models.
fn without_models(command: &mut Command) {
    command.envs([
        ("OPENAI_API_KEY", "none"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
        ("TANDEM_STT", "openai"),
        ("TANDEM_LLM", "openai"),
        ("TANDEM_TTS", "openai"),
        ("TANDEM_VAD", "webrtc"),
        ("TANDEM_TURN_MODEL", "false"),
        ("TANDEM_PHRASES", "false"),
        ("TANDEM_BIND", "127.0.0.1"),
        ("PORT", "0"),
    ]);
}

#[cfg(unix)]
#[tokio::test]
async fn the_first_start_at_a_terminal_asks_who_the_owner_is() {
    let machine = Machine::new();
    let mut command = machine.command(&["serve"]);
    without_models(&mut command);
    let talk = [
        ("E-mail: ", "owner@example.com"),
        ("Password", "short"),
        ("The same again", "short"),
        ("E-mail: ", "owner@example.com"),
        ("Password", "correct horse battery"),
        ("The same again", "correct horse battery"),
    ];
    let shown = at_a_terminal(&command, &talk, "tandem is ready");
    assert!(shown.contains("owner@example.com is the owner."), "{shown}");
    let app = machine.app().await;
    app.log_in("owner@example.com", "correct horse battery", None).await.expect("signs in");
    let shown = at_a_terminal(&command, &[], "tandem is ready");
    assert!(!shown.contains("E-mail"), "once there is somebody nobody is asked: {shown}");
}
