//! WebSockets to vendors: opened within a deadline, refused with a reason.
//!
//! The system's certificates are read once per adapter, not once per call.

use std::sync::{Arc, OnceLock};

use futures_util::StreamExt;
use reqwest::{
    Url,
    header::{HeaderName, HeaderValue},
};
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use crate::{
    Problem,
    http::{self, Deadline, Failure},
};

/// The longest message taken: ten times what any of the vendors sends.
const MESSAGE_LIMIT: usize = 2 * 1024 * 1024;

/// An open connection and the vendor's identifier of it.
pub(crate) struct Open {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) request_id: Option<String>,
}

/// Opens the WebSockets of one adapter.
#[derive(Default)]
pub(crate) struct Sockets {
    tls: OnceLock<Arc<rustls::ClientConfig>>,
}

impl Sockets {
    /// Connects, with `header` as proof of who asks.
    pub(crate) async fn open(
        &self,
        url: Url,
        header: (HeaderName, HeaderValue),
        deadline: &Deadline,
        key: &SecretString,
    ) -> Result<Open, Failure> {
        let connector = match url.scheme() {
            "wss" => Connector::Rustls(self.tls()?),
            _ => Connector::Plain,
        };
        let mut request = url
            .as_str()
            .into_client_request()
            .map_err(|error| Problem::Engine(format!("its address does not work ({error})")))?;
        request.headers_mut().insert(header.0, header.1);

        // The default read buffer, 128 KiB, would be zeroed again for every message.
        let config = WebSocketConfig::default()
            .read_buffer_size(16 * 1024)
            .max_message_size(Some(MESSAGE_LIMIT))
            .max_frame_size(Some(MESSAGE_LIMIT));
        // Boxed: the handshake's state is large, and gone once it is done.
        let connecting =
            Box::pin(connect_async_tls_with_config(request, Some(config), true, Some(connector)));
        let (socket, response) =
            deadline.bound(connecting).await?.map_err(|error| handshake_failure(error, key))?;
        Ok(Open { socket, request_id: http::request_id(response.headers()) })
    }

    fn tls(&self) -> Result<Arc<rustls::ClientConfig>, Problem> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let mut roots = rustls::RootCertStore::empty();
        // Some certificates of a store may be broken; only none at all is a failure.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(Problem::Unreachable("this host has no certificates to trust".into()));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Problem::Engine(format!("no TLS ({error})")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }
}

fn handshake_failure(error: Error, key: &SecretString) -> Failure {
    match error {
        Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let status = response.status();
            let problem = if status.is_success() || status.is_redirection() {
                Problem::Malformed(format!("HTTP {status} where a WebSocket was asked for"))
            } else {
                http::refusal(status, response.headers(), body, key)
            };
            Failure { problem, request_id: http::request_id(response.headers()) }
        }
        Error::Protocol(error) => match error {
            tokio_tungstenite::tungstenite::error::ProtocolError::HandshakeIncomplete => {
                Problem::Unreachable("closed before an answer".into()).into()
            }
            error => Problem::Malformed(error.to_string()).into(),
        },
        Error::HttpFormat(_) | Error::Utf8(_) => Problem::Malformed(error.to_string()).into(),
        error => Problem::Unreachable(http::root_cause(&error)).into(),
    }
}

/// What came out of a socket, of the kinds that matter.
pub(crate) enum Received {
    Text(String),
    /// The vendor closed, with a reason or without.
    Closed(Option<CloseFrame>),
    /// The connection is gone, or what came was not WebSocket.
    Broken(Problem),
}

/// The next message. Pings are answered on the way; binary messages mean nothing to these vendors.
pub(crate) async fn receive<S>(stream: &mut S) -> Received
where
    S: futures_util::Stream<Item = Result<Message, Error>> + Unpin,
{
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => return Received::Text(text.as_str().to_owned()),
            Some(Ok(Message::Close(frame))) => return Received::Closed(frame),
            Some(Ok(_)) => {}
            Some(Err(Error::Capacity(error))) => {
                return Received::Broken(Problem::Malformed(error.to_string()));
            }
            Some(Err(error)) => {
                return Received::Broken(Problem::Cut(http::root_cause(&error)));
            }
            None => return Received::Closed(None),
        }
    }
}

/// A close frame in words.
pub(crate) fn close_reason(frame: &Option<CloseFrame>, key: &SecretString) -> String {
    match frame {
        Some(frame) => {
            let code = u16::from(frame.code);
            match frame.reason.as_str() {
                "" => format!("closed with code {code}"),
                reason => format!("closed with code {code}: {}", http::scrub(reason, key)),
            }
        }
        None => "closed without a reason".into(),
    }
}
