//! Mail: queued, sent by a few tasks, tried again while the server is away. What it says is here; nobody
//! waits for it.

use std::{sync::Arc, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use secrecy::ExposeSecret;
use tokio::sync::{Semaphore, mpsc};

use super::App;
use crate::{config::Mail, domain::User};

/// Mails that may wait; more are refused, and that is logged.
const WAITING: usize = 256;
/// Mails that are being sent, or tried again.
const AT_ONCE: usize = 32;
/// Tries of one mail, the pause after the first doubling each time.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// One try may take so long.
const SEND_WITHIN: Duration = Duration::from_secs(30);

/// A mail to one person.
#[derive(Clone, Debug)]
struct Letter {
    to: String,
    subject: String,
    text: String,
}

/// Sends mail, where a server is set.
#[derive(Debug)]
pub(super) struct Mailer {
    letters: Option<mpsc::Sender<Letter>>,
}

/// Why mail cannot be sent with these settings.
#[derive(Debug, thiserror::Error)]
pub enum BadMail {
    #[error("TANDEM_SMTP_URL is no address of a mail server")]
    Url,
    #[error("TANDEM_MAIL_FROM is no sender, such as Tandem <calls@example.com>")]
    From,
    #[error("the mail server did not answer: {0}")]
    Away(#[source] lettre::transport::smtp::Error),
    #[error("the mail server answered, but does not take mail now")]
    NotNow,
}

type Transport = AsyncSmtpTransport<Tokio1Executor>;

fn transport(mail: &Mail) -> Result<Transport, BadMail> {
    let transport = Transport::from_url(mail.url.expose_secret()).map_err(|_| BadMail::Url)?;
    Ok(transport.timeout(Some(SEND_WITHIN)).build())
}

/// Could mail be sent with these settings? Signs in at the server, and sends none.
///
/// # Errors
/// [`BadMail`].
pub async fn check(mail: &Mail) -> Result<(), BadMail> {
    mail.from.parse::<Mailbox>().map_err(|_| BadMail::From)?;
    match transport(mail)?.test_connection().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(BadMail::NotNow),
        Err(error) => Err(BadMail::Away(error)),
    }
}

impl Mailer {
    /// Sends by these settings; without any, what would be sent is said so in the log.
    pub(super) fn start(settings: Option<&Mail>) -> Result<Self, BadMail> {
        let Some(mail) = settings else { return Ok(Mailer { letters: None }) };
        let from: Mailbox = mail.from.parse().map_err(|_| BadMail::From)?;
        let transport = transport(mail)?;
        let (letters, mut queue) = mpsc::channel::<Letter>(WAITING);
        let room = Arc::new(Semaphore::new(AT_ONCE));
        tokio::spawn(async move {
            while let Some(letter) = queue.recv().await
                && let Ok(place) = room.clone().acquire_owned().await
            {
                let (transport, from) = (transport.clone(), from.clone());
                // One whose server is slow or away does not keep the others.
                tokio::spawn(async move {
                    send(&transport, &from, letter).await;
                    drop(place);
                });
            }
        });
        Ok(Mailer { letters: Some(letters) })
    }

    fn post(&self, letter: Letter) {
        let subject = letter.subject.clone();
        match &self.letters {
            None => tracing::warn!(subject, "no mail is sent: TANDEM_SMTP_URL is not set"),
            Some(letters) => {
                if letters.try_send(letter).is_err() {
                    metrics::counter!("tandem_mails_total", "outcome" => "refused").increment(1);
                    tracing::error!(subject, "a mail was refused: too many wait");
                }
            }
        }
    }
}

async fn send(transport: &Transport, from: &Mailbox, letter: Letter) {
    let Ok(to) = letter.to.parse::<Mailbox>() else { return };
    let message = Message::builder()
        .from(from.clone())
        .to(to)
        .subject(letter.subject.clone())
        .header(ContentType::TEXT_PLAIN)
        .body(letter.text);
    let message = match message {
        Ok(message) => message,
        Err(error) => return tracing::error!(%error, "a mail could not be written"),
    };
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(FIRST_PAUSE * 2u32.pow(tried - 1)).await;
        }
        match transport.send(message.clone()).await {
            Ok(_) => {
                metrics::counter!("tandem_mails_total", "outcome" => "sent").increment(1);
                return;
            }
            Err(error) if error.is_permanent() => break,
            Err(_) => {}
        }
    }
    metrics::counter!("tandem_mails_total", "outcome" => "failed").increment(1);
    tracing::error!(subject = letter.subject, "a mail could not be sent");
}

impl App {
    /// Has a mail with a reset token sent to this address, if it is a user's. It returns before that is
    /// known, so neither the answer nor its time tells.
    ///
    /// # Errors
    /// [`super::Error::Invalid`]: it is no address.
    pub fn forgot_password(self: &Arc<Self>, email: &str) -> Result<(), super::Error> {
        let email = email.trim().to_lowercase();
        if !super::accounts::is_email(&email) {
            return Err(super::Error::invalid("email", "must be an e-mail address"));
        }
        let app = self.clone();
        tokio::spawn(async move {
            match app.make_reset(&email).await {
                Ok(Some((user, token))) => app.mail_reset(&user, &token),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "a reset token could not be made"),
            }
        });
        Ok(())
    }

    /// Where a new password is set with this token.
    pub(super) fn reset_link(&self, token: &str) -> String {
        format!("{}/reset-password?token={token}", self.settings.public_url)
    }

    fn mail_reset(&self, user: &User, token: &str) {
        let link = self.reset_link(token);
        self.mailer.post(Letter {
            to: user.email.clone(),
            subject: "Set a new password".to_owned(),
            text: format!(
                "Hello {},\n\nsomeone, hopefully you, asked for a new password. Set it within the \
                 hour:\n\n{link}\n\nor with this token: {token}\n\nIf it was not you, nothing needs \
                 to be done: your password stays as it is.\n",
                user.name()
            ),
        });
    }
}
