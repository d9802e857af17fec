//! An exchange, a gateway with fixed documents, and a client of the exchange's API.

use std::time::Duration;

use secrecy::SecretString;
use tandem::caller::ACCOUNT_SID;
use tandem::caller::exchange::{Exchange, Leg, Phone, Settings};
use tandem::carrier::Client;
use twiml::CallSid;

use super::gateway::{Gateway, LOUD, Peer, Request, TOKEN};

pub const CALLER: &str = "+15005550100";
pub const OURS: &str = "+15005550006";
pub const AGENT: &str = "+15005550200";

/// Nothing here takes so long.
pub const SOON: Duration = super::PATIENCE;

pub struct Line {
    pub exchange: Exchange,
    pub gateway: Gateway,
    pub client: Client,
}

impl Line {
    /// Answers these paths so; every media socket is read to its end.
    pub async fn start(documents: &[(&str, &str)]) -> Self {
        Self::talking(documents, |mut peer: Peer| async move {
            peer.begin().await;
            peer.drain().await;
        })
        .await
    }

    pub async fn talking<F, R>(documents: &[(&str, &str)], talk: F) -> Self
    where
        F: Fn(Peer) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let gateway = Gateway::start(documents, talk).await;
        let exchange = Exchange::start(Settings::new(SecretString::from(TOKEN))).await.unwrap();
        let client = super::client_of(&exchange.base_url(), TOKEN);
        assert_eq!(client.account_sid().as_str(), ACCOUNT_SID);
        Self { exchange, gateway, client }
    }

    /// A caller who stays on the line and does what the test says.
    pub fn caller(&self) -> Leg {
        self.caller_with(Phone::answers())
    }

    pub fn caller_with(&self, phone: Phone) -> Leg {
        let answer = self.gateway.http("/answer");
        self.exchange.call_in(&answer, (CALLER, OURS), phone, None).unwrap()
    }

    /// Requests to this path.
    pub fn requests(&self, path: &str) -> Vec<Request> {
        let all = self.gateway.requests();
        assert!(all.iter().all(|request| request.signed), "{all:?}");
        all.into_iter().filter(|request| request.path == path).collect()
    }

    /// Waits until so many requests to this path have come.
    pub async fn asked(&self, path: &str, count: usize) -> Vec<Request> {
        let wait = async {
            loop {
                let requests = self.requests(path);
                if requests.len() >= count {
                    return requests;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let late = || panic!("{path} was not asked {count} times: {:?}", self.requests(path));
        tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| late())
    }
}

pub fn sid(leg: &Leg) -> CallSid {
    leg.sid().parse().unwrap()
}

/// How much of somebody's voice is in this audio, in milliseconds. A voice is a steady level here; the
/// carrier's own tones pass through it and do not stay.
pub fn voice_ms(mulaw: &[u8]) -> usize {
    let steady = mulaw.chunk_by(|a, b| a == b).filter(|run| run[0] == LOUD && run.len() >= 80);
    steady.map(<[u8]>::len).sum::<usize>() / 8
}

/// A field of each of these requests.
pub fn fields(requests: &[Request], name: &str) -> Vec<String> {
    requests.iter().map(|request| request.form.get(name).cloned().unwrap_or_default()).collect()
}
