//! Reset mails, to a played mail server that speaks SMTP (RFC 5321).

use std::sync::Arc;

use serde_json::json;
use tandem::domain::Role;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};

use crate::stage::{Engine, PASSWORD, Stage};

/// A mail that was taken.
#[derive(Debug)]
struct Taken {
    to: Vec<String>,
    text: String,
}

/// A mail server. It says nothing until `open` is notified.
async fn server() -> (String, Arc<Notify>, mpsc::Receiver<Taken>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("smtp://{}", listener.local_addr().expect("an address"));
    let (open, (mails, taken)) = (Arc::new(Notify::new()), mpsc::channel(8));
    let gate = open.clone();
    tokio::spawn(async move {
        gate.notified().await;
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(talk(socket, mails.clone()));
        }
    });
    (url, open, taken)
}

/// One connection.
async fn talk(socket: TcpStream, mails: mpsc::Sender<Taken>) -> Option<()> {
    let mut socket = BufReader::new(socket);
    socket.write_all(b"220 played ESMTP\r\n").await.ok()?;
    let mut to = Vec::new();
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let word = line.split_whitespace().next().unwrap_or_default().to_uppercase();
        let answer: &[u8] = match word.as_str() {
            "EHLO" => b"250-played\r\n250 8BITMIME\r\n",
            "RCPT" => {
                to.push(line.trim().to_owned());
                b"250 fine\r\n"
            }
            "DATA" => {
                socket.write_all(b"354 go on\r\n").await.ok()?;
                let mut text = String::new();
                loop {
                    let mut line = String::new();
                    if socket.read_line(&mut line).await.ok()? == 0 {
                        return None;
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                mails.send(Taken { to: std::mem::take(&mut to), text }).await.ok()?;
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 fine\r\n",
        };
        socket.write_all(answer).await.ok()?;
    }
}

/// Quoted-printable (RFC 2045, 6.7) undone as far as these mails need it.
fn plain(mail: &Taken) -> String {
    if mail.text.to_lowercase().contains("content-transfer-encoding: quoted-printable") {
        return mail.text.replace("=\r\n", "").replace("=3D", "=");
    }
    mail.text.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_password_is_mailed_about_to_known_addresses_alone() {
    let (url, open, mut taken) = server().await;
    let settings = [
        ("TANDEM_SMTP_URL", url.as_str()),
        ("TANDEM_MAIL_FROM", "Tandem <calls@example.com>"),
        ("PUBLIC_URL", "https://calls.example.com"),
    ];
    let stage = Stage::open_with(Engine::Sqlite, &settings).await.expect("SQLite is built in");
    let added =
        stage.app.add_user(stage.tenant, "d@example.com", "Dee", Role::Agent, PASSWORD).await;
    added.expect("added");
    let stranger = stage.stranger();

    // Neither waits for the mail server, which is silent still; both are told the same.
    let forgot = |email: &str| json!({ "email": email });
    let mut told = Vec::new();
    for email in ["nobody@example.com", "D@example.com"] {
        let answer = stranger.post("/api/v1/auth/forgot-password", forgot(email)).await;
        told.push(answer.ok(200).clone());
    }
    assert_eq!(told[0], told[1]);

    open.notify_one();
    let mail = taken.recv().await.expect("a mail");
    assert!(matches!(&mail.to[..], [to] if to.contains("<d@example.com>")), "{:?}", mail.to);
    let text = plain(&mail);
    assert!(text.contains("From: Tandem <calls@example.com>"), "{text}");
    let link = "https://calls.example.com/reset-password?token=";
    let (_, rest) = text.split_once(link).expect("a link");
    let token = rest.split_whitespace().next().expect("a token");
    let page = reqwest::get(format!("{}/reset-password?token={token}", stage.url)).await;
    let page = page.expect("an answer");
    assert_eq!(
        (page.status().as_u16(), &page.headers()["cache-control"]),
        (200, &"no-store".parse().expect("a value"))
    );
    assert!(page.text().await.expect("a page").contains("Set a new password"));

    let set = json!({"token": token, "new_password": "a fresh password"});
    stranger.post("/api/v1/auth/reset-password", set.clone()).await.ok(200);
    let login = json!({"email": "d@example.com", "password": "a fresh password"});
    stranger.post("/api/v1/auth/login", login).await.ok(200);
    let again = stranger.post("/api/v1/auth/reset-password", set).await;
    assert_eq!(again.refused(400), "INVALID_RESET_TOKEN");

    // The next mail is the next known address's: the unknown one was sent nothing.
    stranger.post("/api/v1/auth/forgot-password", forgot("nobody@example.com")).await.ok(200);
    stranger.post("/api/v1/auth/forgot-password", forgot("d@example.com")).await.ok(200);
    let mail = taken.recv().await.expect("a mail");
    assert!(mail.to[0].contains("<d@example.com>"), "{:?}", mail.to);
    assert!(taken.try_recv().is_err(), "one mail each");
}
