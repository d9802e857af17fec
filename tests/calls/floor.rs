//! A gateway with its control plane, a carrier that carries out TwiML and REST orders against it, and a
//! supervisor who watches.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tandem::{
    app::{App, Handover},
    caller::{
        ACCOUNT_SID,
        exchange::{Exchange, Leg, Phone, Settings},
    },
    domain::{Actor, AgentDraft, CallId, Escalation, Interaction, Progress, Role, Speaker},
    realtime::{Event, Kind, Listener},
};

use super::line::{AUTH_TOKEN, Line, PATIENCE, Setup};

pub const CALLER: &str = "+15005550100";
pub const OURS: &str = "+15005550006";
const PASSWORD: &str = "correct horse battery";
/// Nothing here takes so long.
pub const SOON: Duration = PATIENCE;

/// A gateway with its control plane, a carrier, and a supervisor who watches.
pub struct Floor {
    pub line: Line,
    pub app: Arc<App>,
    pub exchange: Exchange,
    pub actor: Actor,
    /// The supervisor's token.
    pub token: String,
    pub events: Listener,
}

impl Floor {
    pub async fn open(setup: Setup) -> Floor {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let settings = Settings::new(SecretString::from(AUTH_TOKEN));
        let exchange = Exchange::start(settings).await.expect("it listens");
        exchange.own_number(OURS);
        let mut setup = setup;
        setup.env.extend([
            ("TWILIO_API_URL", exchange.base_url()),
            ("TWILIO_ACCOUNT_SID", ACCOUNT_SID.to_owned()),
            ("TWILIO_AUTH_TOKEN", AUTH_TOKEN.to_owned()),
            ("TWILIO_PHONE_NUMBER", OURS.to_owned()),
        ]);
        setup.control = true;
        let line = setup.start().await;
        let app = line.gateway.control().expect("it is open").clone();
        let tenant = app.first_start().await.expect("an organisation");
        let email = "sue@example.com";
        app.add_user(tenant, email, "Sue Pervisor", Role::Owner, PASSWORD).await.expect("a user");
        let tokens = app.log_in(email, PASSWORD, None).await.expect("signs in");
        let token = tokens.access;
        let actor = app.verify(&token, None).await.expect("is valid").actor;
        let events = app.hub.listen(tenant);
        Floor { line, app, exchange, actor, token, events }
    }

    /// Somebody calls in.
    pub fn caller(&self) -> Leg {
        self.caller_from(CALLER)
    }

    /// Somebody with this number calls in.
    pub fn caller_from(&self, number: &str) -> Leg {
        let status = format!("{}/webhooks/twilio/status", self.line.url);
        let answer = self.line.answer_url();
        self.exchange
            .call_in(&answer, (number, OURS), Phone::answers(), Some(&status))
            .expect("there is room")
    }

    pub async fn agent(&self, name: &str, phone: &str) -> tandem::domain::AgentId {
        let draft = AgentDraft {
            name: name.to_owned(),
            phone: Some(phone.to_owned()),
            ..AgentDraft::default()
        };
        self.app.create_agent(&self.actor, draft).await.expect("an agent").id
    }

    /// The next event for which `wanted` has something.
    pub async fn until<T>(&mut self, what: &str, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let seen = async {
            loop {
                let event = self.events.next().await.expect("none is lost");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(SOON, seen).await.unwrap_or_else(|_| panic!("{what} comes about"))
    }

    pub async fn started(&mut self) -> CallId {
        self.until("the call", |event| match &event.kind {
            Kind::CallStarted(call) => Some(call.id),
            _ => None,
        })
        .await
    }

    /// Until the agent has been heard to greet.
    pub async fn greeted(&mut self) {
        self.until("the greeting", |event| match &event.kind {
            Kind::InteractionAdded(line) if line.speaker == Speaker::Ai => Some(()),
            _ => None,
        })
        .await;
    }

    pub async fn ended(&mut self) {
        self.until("the end", |event| matches!(event.kind, Kind::CallEnded(_)).then_some(())).await;
    }

    pub async fn escalate(&self, call: CallId) -> Escalation {
        let handover = Handover {
            reason: Some("Wants to speak with billing".to_owned()),
            ..Handover::default()
        };
        self.app.escalate_call(&self.actor, call, handover).await.expect("it is on its way")
    }

    /// A call's transcript.
    pub async fn lines(&self, call: CallId) -> Vec<Interaction> {
        let all = [Speaker::Ai, Speaker::Customer, Speaker::Agent];
        let lines = self.app.interactions(&self.actor, call, &all, (1_000, 0)).await;
        lines.expect("they are there").items
    }

    /// How the call's latest escalation stands.
    pub async fn escalation(&self, call: CallId) -> Escalation {
        let details = self.app.call_details(&self.actor, call).await.expect("it is there");
        details.escalation.expect("it was escalated")
    }

    pub async fn reaches(&self, call: CallId, progress: Progress) -> Escalation {
        let reached = async {
            loop {
                let escalation = self.escalation(call).await;
                if escalation.progress == progress {
                    return escalation;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let late = tokio::time::timeout(SOON, reached).await;
        match late {
            Ok(escalation) => escalation,
            Err(_) => panic!("{progress:?}, not {:?}", self.escalation(call).await),
        }
    }
}
