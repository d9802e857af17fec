//! A business: what its agent is called, says and knows.

use serde::Deserialize;
use vendors::local::agent::Playbook;

/// A business, as its TOML file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Business {
    /// The name that callers know.
    pub name: String,
    /// BCP 47, `en-US` unless set: what is spoken.
    #[serde(default = "english")]
    pub language: String,
    /// What the agent says first. Empty: the caller speaks first.
    pub greeting: String,
    /// The agent's role and facts, for a language model. The questions and answers of the playbook
    /// are added to it.
    #[serde(default)]
    pub instructions: String,
    /// Said when the caller is silent.
    #[serde(default = "still_there")]
    pub idle_prompt: String,
    /// Said before the agent hangs up.
    #[serde(default = "goodbye")]
    pub goodbye: String,
    /// Said before a caller is put through to a person.
    #[serde(default = "one_moment")]
    pub transfer: String,
    /// The person's number, E.164. Unset: nobody can be put through.
    #[serde(default)]
    pub transfer_to: Option<String>,
    /// Words likely to be said: names of products and people, for the recogniser.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// The voice's name at the TTS vendor.
    #[serde(default)]
    pub voice: Option<String>,
    /// Functions of the business that a language model may call.
    #[serde(default)]
    pub tools: Vec<WebhookTool>,
    /// Questions and answers, small talk and tasks.
    #[serde(default)]
    pub playbook: Playbook,
}

/// A function that is called over HTTP: its arguments are POSTed as JSON, the body of the answer goes
/// to the model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTool {
    pub name: String,
    pub description: String,
    /// JSON Schema of the arguments.
    #[serde(default = "no_arguments")]
    pub parameters: serde_json::Value,
    /// `http` or `https`.
    pub url: String,
}

/// What is wrong with a business's file.
#[derive(Debug, thiserror::Error)]
pub enum BadBusiness {
    #[error("the business file could not be read: {0}")]
    Syntax(#[from] toml::de::Error),
    #[error("transfer_to must be a number such as +14155550100")]
    TransferTo,
    #[error("the tool {0:?} needs a name of letters, digits, - and _, and an http or https URL")]
    Tool(String),
    #[error("{field} is longer than {limit} characters")]
    TooLong { field: &'static str, limit: usize },
}

impl Business {
    /// Reads a business from TOML.
    ///
    /// # Errors
    /// Unknown or missing fields, and values that cannot be meant.
    pub fn parse(text: &str) -> Result<Self, BadBusiness> {
        let business: Business = toml::from_str(text)?;
        for (field, value, limit) in [
            ("name", &business.name, 200),
            ("greeting", &business.greeting, 2_000),
            ("instructions", &business.instructions, 32_000),
        ] {
            if value.chars().count() > limit {
                return Err(BadBusiness::TooLong { field, limit });
            }
        }
        let reachable = business
            .transfer_to
            .as_ref()
            .is_none_or(|number| twiml::PhoneNumber::new(number.as_str()).is_e164());
        if !reachable {
            return Err(BadBusiness::TransferTo);
        }
        for tool in &business.tools {
            let named = (1..=64).contains(&tool.name.len())
                && tool.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            let http = tool.url.starts_with("http://") || tool.url.starts_with("https://");
            if !named || !http {
                return Err(BadBusiness::Tool(tool.name.clone()));
            }
        }
        Ok(business)
    }

    /// What the machine says by itself.
    pub fn script(&self) -> turn::Script {
        turn::Script {
            instructions: self.instructions_for_model(),
            greeting: self.greeting.clone(),
            goodbye: self.goodbye.clone(),
            transfer: self.transfer.clone(),
            can_transfer: self.transfer_to.is_some(),
            resumed: None,
        }
    }

    /// The system message: role, rules of speaking, facts.
    fn instructions_for_model(&self) -> String {
        let mut text = self.instructions.trim().to_owned();
        if text.is_empty() {
            text = format!("You answer the telephone for {}.", self.name);
        }
        text.push_str(
            "\n\nYou are heard over the telephone: answer in one to three short spoken sentences, \
             without lists, markup or emoji. Say so when you do not know something.",
        );
        if self.transfer_to.is_some() {
            text.push_str(" Call the function transfer when the caller wants a person.");
        }
        text.push_str(" Call the function end_call after a goodbye.");
        let facts = self.playbook.facts();
        if !facts.is_empty() {
            text.push_str("\n\nWhat you know:\n");
            text.push_str(&facts);
        }
        text
    }

    /// The functions that a model may call.
    pub fn tools(&self) -> Vec<vendors::Tool> {
        let mut tools = vec![vendors::Tool {
            name: "end_call".into(),
            description: "Hang up, after saying goodbye.".into(),
            parameters: no_arguments(),
        }];
        if self.transfer_to.is_some() {
            tools.push(vendors::Tool {
                name: "transfer".into(),
                description: "Put the caller through to a person.".into(),
                parameters: serde_json::json!({
                    "type": "object",
                    "properties": {"reason": {"type": "string", "description": "Why, in a few words."}},
                    "required": ["reason"]
                }),
            });
        }
        tools.extend(self.tools.iter().map(|tool| vendors::Tool {
            name: tool.name.clone(),
            description: tool.description.clone(),
            parameters: tool.parameters.clone(),
        }));
        tools
    }
}

fn english() -> String {
    "en-US".to_owned()
}

fn still_there() -> String {
    "Are you still there?".to_owned()
}

fn goodbye() -> String {
    "Thank you for calling. Goodbye.".to_owned()
}

fn one_moment() -> String {
    "One moment, I will put you through to a person.".to_owned()
}

fn no_arguments() -> serde_json::Value {
    serde_json::json!({"type": "object", "properties": {}})
}
