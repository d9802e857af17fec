//! Functions that a language model may call: what a business's file says of them, and what cannot be
//! meant. How they are called is not known here.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    time::Duration,
};

use secrecy::SecretString;
use serde::Deserialize;
use turn::ToolPolicy;

/// At most so many functions are offered to a model, of whatever kind: each costs words of every
/// request.
pub const MOST_TOOLS: usize = 64;
/// The longest JSON Schema of a function's arguments, bytes.
pub const LONGEST_SCHEMA: usize = 16 * 1024;
/// The longest description of a function, characters.
pub const LONGEST_DESCRIPTION: usize = 1_024;
/// At most so many MCP servers.
const MOST_SERVERS: usize = 16;
/// At most so many headers, arguments or environment variables of one tool or server.
const MOST_EXTRAS: usize = 32;
/// The machine waits so much longer than the tool has, so that the tool's own word comes first.
const GRACE: Duration = Duration::from_millis(500);
/// Looking up takes milliseconds; this is for a machine that is overloaded.
pub const LOOK_UP_WITHIN: Duration = Duration::from_secs(2);
/// The names of the functions that the gateway itself has.
pub const BUILT_IN: [&str; 5] = ["end_call", "transfer", "look_up", "send_dtmf", "collect_keys"];
/// Headers that belong to the protocols.
const RESERVED_HEADERS: [&str; 18] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-tandem-call",
];

/// A function that is called over HTTP: its arguments are POSTed as JSON, the body of the answer goes
/// to the model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTool {
    pub name: String,
    pub description: String,
    /// JSON Schema of the arguments, 16 kB at most.
    #[serde(default = "no_arguments")]
    pub parameters: serde_json::Value,
    /// `http` or `https`. Redirects are not followed: they would carry the headers elsewhere.
    pub url: String,
    /// Sent with each call, such as `Authorization = "Bearer ${CRM_TOKEN}"`.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Signs each call so that the receiver knows whose it is: a text, or `whsec_` and base64, as
    /// <https://www.standardwebhooks.com> has it. Unset: calls are not signed.
    #[serde(default)]
    pub secret: Option<Template>,
    /// Without an answer by then it has failed, ms, 9,000 unless set. Longer, and the caller waits
    /// longer for an honest "that did not work".
    #[serde(default = "within_ms")]
    pub within_ms: u64,
    /// Said at once while it runs. Empty: the filler phrase, when it takes long.
    #[serde(default)]
    pub filler: String,
    /// It changes something in the world, true unless set. Then the same call is not made again while
    /// it runs.
    #[serde(default = "yes")]
    pub effects: bool,
    /// Given up when the caller takes the floor, false unless set. Only for what has no effects:
    /// nobody could say whether they came about.
    #[serde(default)]
    pub cancel_on_barge_in: bool,
}

/// A server of functions that speaks the Model Context Protocol: by streamable HTTP or as a program
/// of this machine, <https://modelcontextprotocol.io/specification>.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpServer {
    /// Letters, digits, `-` and `_`; stands in logs.
    pub name: String,
    /// The server's address. Either this or `command`.
    #[serde(default)]
    pub url: Option<String>,
    /// Sent with each request, such as `Authorization = "Bearer ${CRM_TOKEN}"`.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// The program that is the server; it is started, and again when it ends.
    #[serde(default)]
    pub command: Option<String>,
    #[serde(default)]
    pub args: Vec<String>,
    /// The program's environment beside `PATH`, `HOME` and the like; it does not get the gateway's own,
    /// which holds vendors' keys.
    #[serde(default)]
    pub env: BTreeMap<String, Template>,
    /// The functions that are offered, by the server's names. Unset: all, 64 at most.
    #[serde(default)]
    pub tools: Option<Vec<String>>,
    /// Put before the functions' names, so that those of two servers differ: the server's name and `_`
    /// unless set.
    #[serde(default)]
    pub prefix: Option<String>,
    /// As of [`WebhookTool::within_ms`].
    #[serde(default = "within_ms")]
    pub within_ms: u64,
    /// As of [`WebhookTool::filler`].
    #[serde(default)]
    pub filler: String,
    /// Whether its functions have effects. Unset: what the server says of each (`readOnlyHint`), and
    /// true where it says nothing. To be set where the server is not to be trusted.
    #[serde(default)]
    pub effects: Option<bool>,
    /// Its functions without effects are given up when the caller takes the floor, false unless set.
    #[serde(default)]
    pub cancel_on_barge_in: bool,
}

/// A text in which `${NAME}` stands for the environment variable `NAME`, so that secrets need not
/// stand in a file. It may hold a secret all the same: it does not show itself.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Template(String);

/// What is wrong with the functions in a business's file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadTool {
    #[error("{of} needs a name of letters, digits, - and _, 64 at most")]
    Name { of: String },
    #[error("the tool {0:?} has the name of a function that the gateway itself has")]
    Reserved(String),
    #[error("there are two {what} named {name:?}")]
    Twice { what: &'static str, name: String },
    #[error("{of} needs a url that begins with http:// or https://")]
    Url { of: String },
    #[error("{of} needs either a url or a command, and only what belongs to it")]
    Transport { of: String },
    #[error("{of} must have an object as its parameters' schema, {LONGEST_SCHEMA} bytes at most")]
    Schema { of: String },
    #[error("{of} must have a within_ms from 100 to 60000")]
    Within { of: String },
    #[error("{of} has effects and so cannot be given up: cancel_on_barge_in needs effects = false")]
    CancelWithEffects { of: String },
    #[error("{of} cannot set the header {header:?}")]
    Header { of: String, header: String },
    #[error("{of} has a {field} of more than {limit} characters")]
    TooLong { of: String, field: &'static str, limit: usize },
    #[error("{of} has more than {limit} {what}")]
    TooMany { of: String, what: &'static str, limit: usize },
}

/// Why a template could not be filled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unfilled {
    #[error("the environment variable {0} is not set")]
    Missing(String),
    #[error("a ${{ is not closed by a }}")]
    Open,
}

impl Template {
    /// The text, with the variables' values.
    ///
    /// # Errors
    /// [`Unfilled`].
    pub fn fill(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<SecretString, Unfilled> {
        let mut filled = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}').ok_or(Unfilled::Open)?;
            filled.push_str(before);
            filled.push_str(&env(name).ok_or_else(|| Unfilled::Missing(name.to_owned()))?);
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled.into())
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(…)")
    }
}

impl WebhookTool {
    /// Its time limit.
    pub fn within(&self) -> Duration {
        Duration::from_millis(self.within_ms)
    }

    /// What the model is told of it.
    pub fn spec(&self) -> vendors::Tool {
        vendors::Tool {
            name: self.name.clone(),
            description: self.description.clone(),
            parameters: self.parameters.clone(),
        }
    }

    /// What the machine is told of it.
    pub fn policy(&self) -> ToolPolicy {
        ToolPolicy {
            name: self.name.clone(),
            effects: self.effects,
            cancel_on_barge_in: self.cancel_on_barge_in,
            within: self.within() + GRACE,
            filler: self.filler.clone(),
        }
    }

    fn check(&self) -> Result<(), BadTool> {
        let of = format!("the tool {:?}", self.name);
        if !is_name(&self.name) {
            return Err(BadTool::Name { of });
        }
        if BUILT_IN.contains(&self.name.as_str()) {
            return Err(BadTool::Reserved(self.name.clone()));
        }
        if !is_http(&self.url) {
            return Err(BadTool::Url { of });
        }
        if !self.parameters.is_object() || self.parameters.to_string().len() > LONGEST_SCHEMA {
            return Err(BadTool::Schema { of });
        }
        if self.cancel_on_barge_in && self.effects {
            return Err(BadTool::CancelWithEffects { of });
        }
        length(&of, "description", &self.description, LONGEST_DESCRIPTION)?;
        headers(&of, &self.headers)?;
        common(&of, self.within_ms, &self.filler)
    }
}

impl McpServer {
    /// The time limit of each of its functions.
    pub fn within(&self) -> Duration {
        Duration::from_millis(self.within_ms)
    }

    /// What stands before its functions' names.
    pub fn prefix(&self) -> String {
        self.prefix.clone().unwrap_or_else(|| format!("{}_", self.name))
    }

    /// Is the function of this name, the server's own, to be offered?
    pub fn allows(&self, name: &str) -> bool {
        self.tools.as_ref().is_none_or(|allowed| allowed.iter().any(|one| one == name))
    }

    /// What the machine is told of its function `name`, the name that is offered. `effects`: what the
    /// server says of it.
    pub fn policy(&self, name: &str, effects: bool) -> ToolPolicy {
        let effects = self.effects.unwrap_or(effects);
        ToolPolicy {
            name: name.to_owned(),
            effects,
            cancel_on_barge_in: self.cancel_on_barge_in && !effects,
            within: self.within() + GRACE,
            filler: self.filler.clone(),
        }
    }

    fn check(&self) -> Result<(), BadTool> {
        let of = format!("the MCP server {:?}", self.name);
        if !is_name(&self.name) {
            return Err(BadTool::Name { of });
        }
        let transport = match (&self.url, &self.command) {
            (Some(_), None) => self.args.is_empty() && self.env.is_empty(),
            (None, Some(command)) => !command.trim().is_empty() && self.headers.is_empty(),
            _ => false,
        };
        if !transport {
            return Err(BadTool::Transport { of });
        }
        if self.url.as_ref().is_some_and(|url| !is_http(url)) {
            return Err(BadTool::Url { of });
        }
        let prefix = self.prefix();
        if !prefix.is_empty() && (!is_name(&prefix) || prefix.len() > 32) {
            let of = format!("the prefix of {of}");
            return Err(BadTool::Name { of });
        }
        if self.cancel_on_barge_in && self.effects == Some(true) {
            return Err(BadTool::CancelWithEffects { of });
        }
        for (what, count) in [("arguments", self.args.len()), ("variables", self.env.len())] {
            if count > MOST_EXTRAS {
                return Err(BadTool::TooMany { of, what, limit: MOST_EXTRAS });
            }
        }
        headers(&of, &self.headers)?;
        common(&of, self.within_ms, &self.filler)
    }
}

/// What the machine is told of `look_up`.
pub fn look_up_policy() -> ToolPolicy {
    ToolPolicy {
        name: "look_up".to_owned(),
        effects: false,
        cancel_on_barge_in: true,
        within: LOOK_UP_WITHIN + GRACE,
        filler: String::new(),
    }
}

/// Can these be meant?
///
/// # Errors
/// The first that cannot.
pub fn check(tools: &[WebhookTool], servers: &[McpServer]) -> Result<(), BadTool> {
    let of = || "the business".to_owned();
    let limit = MOST_TOOLS - BUILT_IN.len();
    if tools.len() > limit {
        return Err(BadTool::TooMany { of: of(), what: "tools", limit });
    }
    if servers.len() > MOST_SERVERS {
        return Err(BadTool::TooMany { of: of(), what: "MCP servers", limit: MOST_SERVERS });
    }
    let mut names = HashSet::new();
    for tool in tools {
        tool.check()?;
        if !names.insert(&tool.name) {
            return Err(BadTool::Twice { what: "tools", name: tool.name.clone() });
        }
    }
    let mut names = HashSet::new();
    for server in servers {
        server.check()?;
        if !names.insert(&server.name) {
            return Err(BadTool::Twice { what: "MCP servers", name: server.name.clone() });
        }
    }
    Ok(())
}

/// A name that every model's vendor takes for a function: letters, digits, `-` and `_`, 64 at most.
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// The schema of a function without arguments.
pub fn no_arguments() -> serde_json::Value {
    serde_json::json!({"type": "object", "properties": {}})
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

fn headers(of: &str, headers: &BTreeMap<String, Template>) -> Result<(), BadTool> {
    if headers.len() > MOST_EXTRAS {
        let of = of.to_owned();
        return Err(BadTool::TooMany { of, what: "headers", limit: MOST_EXTRAS });
    }
    for header in headers.keys() {
        let token = !header.is_empty()
            && header.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
        if !token || RESERVED_HEADERS.contains(&header.to_ascii_lowercase().as_str()) {
            return Err(BadTool::Header { of: of.to_owned(), header: header.clone() });
        }
    }
    Ok(())
}

fn common(of: &str, within_ms: u64, filler: &str) -> Result<(), BadTool> {
    if !(100..=60_000).contains(&within_ms) {
        return Err(BadTool::Within { of: of.to_owned() });
    }
    length(of, "filler", filler, 300)
}

fn length(of: &str, field: &'static str, text: &str, limit: usize) -> Result<(), BadTool> {
    if text.chars().count() <= limit {
        return Ok(());
    }
    Err(BadTool::TooLong { of: of.to_owned(), field, limit })
}

fn within_ms() -> u64 {
    9_000
}

fn yes() -> bool {
    true
}
