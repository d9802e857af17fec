//! Functions that the model calls: over HTTP, of MCP servers, and the business's knowledge; bounded in
//! number, time and size.
//!
//! What all calls share is a [`Toolbox`]; what one call may use, as it stands when the call begins, an
//! [`Offer`]; what runs in one call, [`Tools`]. Functions of the telephone itself (`end_call` and the
//! like) are not here: the machine carries them out. What a tool answers is data: nothing here reads
//! it.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio_util::task::AbortOnDropHandle;
use turn::{Epoch, ReplyId, ToolCall, ToolPolicy};
use vendors::local::agent::Agent;

use self::webhook::Webhook;
use crate::domain::{
    Business,
    tool::{LOOK_UP_WITHIN, MOST_TOOLS, Template, Unfilled},
};

mod lookup;
mod mcp;
mod webhook;

pub use lookup::looked_up;

/// An answer longer than this is cut, bytes: the model pays for every word.
const LONGEST_ANSWER: usize = 16 * 1024;
/// At most so many run at once in one call.
const MOST_AT_ONCE: usize = 16;
/// So many calls of which it is not known whether they were done are remembered.
const MOST_UNSURE: usize = 64;
/// A server that does not take the connection by then is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Why the tools cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum NotUsable {
    #[error("{of}: {source}")]
    Unfilled { of: String, source: Unfilled },
    #[error("{of}: the header {header:?} cannot have this value")]
    Header { of: String, header: String },
    #[error("{of}: this is no address")]
    Url { of: String },
    #[error("{of}: the secret is empty, or not base64 after whsec_")]
    Secret { of: String },
    #[error("the client for tools could not be made")]
    Client(#[source] reqwest::Error),
}

/// The tools of the business, ready for all calls. Dropping it ends the connections to MCP servers.
pub struct Toolbox {
    own: HashMap<String, Arc<Tool>>,
    servers: Vec<(Arc<mcp::Server>, AbortOnDropHandle<()>)>,
    client: reqwest::Client,
    /// Functions that the business's file offers by itself: their names are taken.
    taken: HashSet<String>,
}

/// What one call may use.
#[derive(Clone, Default)]
pub struct Offer {
    tools: HashMap<String, Arc<Tool>>,
    specs: Vec<vendors::Tool>,
    policies: Vec<ToolPolicy>,
    client: reqwest::Client,
}

/// The tools of one call.
pub struct Tools {
    offer: Offer,
    call_sid: String,
    running: JoinSet<Outcome>,
    /// The keys of calls of which nobody knows whether they were done, by what was called. The same call
    /// once more is the same effect.
    unsure: HashMap<String, String>,
    asked: HashMap<Id, Running>,
    refused: VecDeque<Answer>,
}

/// A tool's answer, with the reply that it is for.
#[derive(Debug)]
pub struct Answer {
    pub epoch: Epoch,
    pub reply: ReplyId,
    pub call_id: String,
    pub content: String,
}

struct Running {
    epoch: Epoch,
    reply: ReplyId,
    call_id: String,
    /// What is called, with its arguments, and the key it has.
    what: String,
    key: String,
    may_be_cancelled: bool,
    handle: AbortHandle,
}

/// A function and its limits.
struct Tool {
    kind: Kind,
    within: Duration,
    may_be_cancelled: bool,
}

enum Kind {
    Webhook(Box<Webhook>),
    Mcp { server: Arc<mcp::Server>, remote: mcp::Remote },
    LookUp(Agent),
}

/// A call of the model, as a tool sees it.
struct Asked<'a> {
    call: &'a ToolCall,
    call_sid: &'a str,
    /// What tells this effect from every other. Visible ASCII, since it goes into headers.
    key: &'a str,
}

/// What a tool said, for the model.
struct Outcome {
    content: String,
    /// It may have been done, and it may not.
    unsure: bool,
}

/// Why a tool gave no answer: a word for logs and metrics, and words for the model. Only the model
/// gets what a server said, since that may repeat what the caller said.
#[derive(Debug)]
struct Failed {
    why: &'static str,
    words: String,
}

impl Toolbox {
    /// Makes the tools ready. MCP servers are connected in the background if a runtime is there, and
    /// for as long as the toolbox is. `knowledge`: where passages are looked up, if that is offered.
    ///
    /// # Errors
    /// [`NotUsable`]: something that the environment should have is missing or cannot be meant.
    pub fn open(
        business: &Business,
        knowledge: Option<Agent>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, NotUsable> {
        // A redirect would carry headers, which may be secrets, to wherever it points.
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(NotUsable::Client)?;
        let mut own = HashMap::new();
        for tool in &business.tools {
            let kind = Kind::Webhook(Box::new(Webhook::open(tool, env)?));
            let (within, may_be_cancelled) = (tool.within(), tool.cancel_on_barge_in);
            own.insert(tool.name.clone(), Arc::new(Tool { kind, within, may_be_cancelled }));
        }
        if let Some(knowledge) = knowledge.filter(|_| business.offers_look_up()) {
            let kind = Kind::LookUp(knowledge);
            let tool = Tool { kind, within: LOOK_UP_WITHIN, may_be_cancelled: true };
            own.insert(lookup::NAME.to_owned(), Arc::new(tool));
        }
        let mut servers = Vec::new();
        let in_a_runtime = tokio::runtime::Handle::try_current().is_ok();
        for settings in &business.mcp {
            let server = Arc::new(mcp::Server::open(settings, client.clone(), env)?);
            if in_a_runtime {
                let kept = tokio::spawn(mcp::keep(server.clone()));
                servers.push((server, AbortOnDropHandle::new(kept)));
            }
        }
        let taken = business.tools().into_iter().map(|spec| spec.name).collect();
        Ok(Toolbox { own, servers, client, taken })
    }

    /// What a call that begins now may use.
    pub fn offer(&self) -> Offer {
        let mut offer = Offer {
            tools: self.own.clone(),
            specs: Vec::new(),
            policies: Vec::new(),
            client: self.client.clone(),
        };
        for (server, _) in &self.servers {
            for remote in server.remotes().iter() {
                let name = &remote.spec.name;
                // What a server offers does not take the place of what was there before it.
                if self.taken.contains(name) || offer.tools.contains_key(name) {
                    tracing::debug!(tool = name, "a second function of this name is left out");
                    continue;
                }
                if self.taken.len() + offer.specs.len() >= MOST_TOOLS {
                    tracing::debug!(tool = name, "more functions than a model is offered");
                    continue;
                }
                let policy = server.settings.policy(name, remote.effects);
                let tool = Tool {
                    kind: Kind::Mcp { server: server.clone(), remote: remote.clone() },
                    within: server.settings.within(),
                    may_be_cancelled: policy.cancel_on_barge_in,
                };
                offer.tools.insert(name.clone(), Arc::new(tool));
                offer.specs.push(remote.spec.clone());
                offer.policies.push(policy);
            }
        }
        offer
    }

    /// Is everything there? One finding each: what, and what it says or what is wrong with it. Calls
    /// no function.
    pub async fn check(&self) -> Vec<(String, Result<String, String>)> {
        let mut findings = Vec::new();
        for (name, tool) in &self.own {
            if let Kind::Webhook(webhook) = &tool.kind {
                findings.push((format!("tool {name}"), webhook.check(&self.client).await));
            }
        }
        findings.sort();
        for (server, _) in &self.servers {
            findings.push((format!("mcp {}", server.settings.name), server.check().await));
        }
        findings
    }

    /// Waits until every MCP server has been connected once, or `within` is over. For tests and for
    /// `tandem check`; calls do not wait.
    pub async fn connected(&self, within: Duration) -> bool {
        let all = async {
            for (server, _) in &self.servers {
                server.connected().await;
            }
        };
        tokio::time::timeout(within, all).await.is_ok()
    }
}

impl Offer {
    /// The functions that are added to those of the business's file.
    pub fn specs(&self) -> &[vendors::Tool] {
        &self.specs
    }

    /// What the machine is to know of them.
    pub fn policies(&self) -> &[ToolPolicy] {
        &self.policies
    }
}

impl Tools {
    pub fn new(offer: Offer, call_sid: String) -> Self {
        let (running, unsure, asked, refused) = Default::default();
        Tools { offer, call_sid, running, unsure, asked, refused }
    }

    /// Runs a tool; its answer comes from [`Tools::next`].
    pub fn run(&mut self, epoch: Epoch, reply: ReplyId, call: ToolCall) {
        let mut refuse = |content: String| {
            let call_id = call.id.clone();
            self.refused.push_back(Answer { epoch, reply, call_id, content });
        };
        let Some(tool) = self.offer.tools.get(&call.name).cloned() else {
            return refuse(format!("Failed: there is no function {:?}.", cut(call.name, 64)));
        };
        if self.asked.len() >= MOST_AT_ONCE {
            return refuse("Failed: too much is running already.".to_owned());
        }
        let (call_sid, client) = (self.call_sid.clone(), self.offer.client.clone());
        let (call_id, may_be_cancelled) = (call.id.clone(), tool.may_be_cancelled);
        let what = format!("{} {}", call.name, call.arguments);
        let key = self.unsure.get(&what).cloned().unwrap_or_else(|| key_of(&call_sid, &call.id));
        let known_as = key.clone();
        let handle = self
            .running
            .spawn(async move { tool.answer(&client, &call, (&call_sid, &known_as)).await });
        let running = Running { epoch, reply, call_id, what, key, may_be_cancelled, handle };
        self.asked.insert(running.handle.id(), running);
    }

    /// Gives up what was called before this epoch and allows it. There is no answer from it; what does
    /// not allow it runs on, and answers.
    pub fn cancel(&mut self, before: Epoch) {
        self.asked.retain(|_, running| {
            let given_up = running.may_be_cancelled && running.epoch < before;
            if given_up {
                running.handle.abort();
            }
            !given_up
        });
    }

    /// The next answer. Waits for ever where nothing runs.
    pub async fn next(&mut self) -> Answer {
        loop {
            if let Some(answer) = self.refused.pop_front() {
                return answer;
            }
            let (id, outcome) = match self.running.join_next_with_id().await {
                Some(Ok((id, outcome))) => (id, outcome),
                // A defect of ours is answered too: the model waits for it.
                Some(Err(error)) => {
                    let content = "Failed: the function broke off.".to_owned();
                    (error.id(), Outcome { content, unsure: true })
                }
                None => std::future::pending().await,
            };
            // What was given up is not known any more.
            if let Some(Running { epoch, reply, call_id, what, key, .. }) = self.asked.remove(&id) {
                if !outcome.unsure {
                    self.unsure.remove(&what);
                } else if self.unsure.len() < MOST_UNSURE {
                    self.unsure.insert(what, key);
                }
                return Answer { epoch, reply, call_id, content: outcome.content };
            }
        }
    }
}

impl Drop for Tools {
    /// What the model asked for is done even if the caller hangs up meanwhile; each has its time limit.
    fn drop(&mut self) {
        self.running.detach_all();
    }
}

impl Tool {
    async fn answer(
        &self,
        client: &reqwest::Client,
        call: &ToolCall,
        (call_sid, key): (&str, &str),
    ) -> Outcome {
        let asked = Asked { call, call_sid, key };
        let answer = async {
            match &self.kind {
                Kind::Webhook(webhook) => webhook.call(client, &asked).await,
                Kind::Mcp { server, remote } => server.call(remote, &asked).await,
                Kind::LookUp(knowledge) => lookup::look_up(knowledge, &call.arguments).await,
            }
        };
        let failed = match tokio::time::timeout(self.within, answer).await {
            Ok(Ok(content)) => return Outcome { content, unsure: false },
            Ok(Err(failed)) => failed,
            Err(_) => Failed {
                why: "late",
                words: "no answer in time; whether it was done is not known".to_owned(),
            },
        };
        tracing::warn!(call = call_sid, tool = call.name, why = failed.why, "a tool failed");
        metrics::counter!("tandem_tool_failures_total", "why" => failed.why).increment(1);
        let content = format!("Failed: {}.", failed.words.trim_end_matches('.'));
        Outcome { content, unsure: matches!(failed.why, "late" | "unreachable") }
    }
}

/// What tells a call of the model from every other: the carrier's call and the model's. Visible ASCII.
fn key_of(call_sid: &str, call_id: &str) -> String {
    let key = format!("{call_sid}:{call_id}");
    key.chars().take(200).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}

/// The first `most` bytes of a text, whole characters, with a word on what is missing.
fn cut(mut text: String, most: usize) -> String {
    const CUT: &str = " … (cut)";
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most.saturating_sub(CUT.len())));
        text.push_str(CUT);
    }
    text
}

/// Headers with their values from the environment; none of them shows itself.
fn filled_headers(
    of: &str,
    headers: &std::collections::BTreeMap<String, Template>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<HeaderMap, NotUsable> {
    let mut filled = HeaderMap::new();
    for (name, template) in headers {
        let bad = || NotUsable::Header { of: of.to_owned(), header: name.clone() };
        let value = template
            .fill(env)
            .map_err(|source| NotUsable::Unfilled { of: of.to_owned(), source })?;
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| bad())?;
        value.set_sensitive(true);
        filled.insert(HeaderName::try_from(name).map_err(|_| bad())?, value);
    }
    Ok(filled)
}
