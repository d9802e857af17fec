//! Streamed chat completions.

use std::{sync::Arc, time::Duration};

use reqwest::{
    RequestBuilder,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Core, PUBLIC_HOST, Settings, VENDOR, history, reply::Reply, sse::Events};
use crate::{
    BoxFuture, LlmEvent, LlmRequest, LlmStream, Problem, VendorError, Work,
    http::{self, Deadline, Failure, problem_of},
};

/// Tokens of a reply unless the request says otherwise: more than anyone listens to.
const MAX_TOKENS: u32 = 300;

/// Time allowed for a whole reply, however steadily it drips.
const REPLY_WITHIN: Duration = Duration::from_secs(60);

/// Bytes of a whole reply.
const REPLY_LIMIT: usize = 8 * 1024 * 1024;

/// Time given to what comes after the last word, so that the connection can be used again.
const DRAIN_WITHIN: Duration = Duration::from_millis(500);

/// A model behind an OpenAI-compatible address.
pub struct Llm(Arc<Core>);

impl Llm {
    /// An adapter with a connection pool of its own. Connects to nothing yet.
    ///
    /// # Errors
    /// The base URL or the key cannot be one.
    pub fn new(settings: Settings) -> Result<Self, VendorError> {
        Core::new(settings).map(Llm)
    }
}

impl crate::Llm for Llm {
    fn name(&self) -> &'static str {
        VENDOR
    }

    fn answer(&self, request: LlmRequest) -> LlmStream {
        let (sender, events) = mpsc::channel(64);
        let core = Arc::clone(&self.0);
        let work = Work::spawn(async move {
            let answering = async {
                let whole = Deadline::within(REPLY_WITHIN, "end of the reply");
                let outcome = whole.bound(core.reply(&request, &sender)).await;
                let failure = match outcome {
                    Ok(Ok(())) => return,
                    Ok(Err(failure)) => failure,
                    Err(problem) => problem.into(),
                };
                let _ = sender.send(LlmEvent::Failed(failure.of(VENDOR, "answer"))).await;
            };
            tokio::select! {
                () = answering => {}
                () = sender.closed() => {}
            }
        });
        LlmStream { events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        Box::pin(self.0.check())
    }
}

impl Core {
    async fn reply(
        &self,
        request: &LlmRequest,
        events: &mpsc::Sender<LlmEvent>,
    ) -> Result<(), Failure> {
        let mut deadline = Deadline::within(request.first_token_within, "first token");
        let mut response =
            http::send(self.chat(request), &deadline, &self.settings.api_key).await?;
        let request_id = http::request_id(response.headers());
        let failed = |problem: Problem| Failure::from(problem).in_request(&request_id);

        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if let Some(kind) = kind.filter(|kind| kind.contains("json") || kind.contains("html")) {
            // Not a stream. It may be an error told with success; else it is not this protocol.
            let kind = kind.to_owned();
            let body = deadline.bound(http::body_of(response, 64 * 1024)).await.map_err(&failed)?;
            let body = body.map_err(&failed)?;
            let told = serde_json::from_slice::<Value>(&body).ok();
            return Err(failed(match told.as_ref().and_then(|told| told.get("error")) {
                Some(error) if !error.is_null() => super::reply::problem_inside(error),
                _ => Problem::Malformed(format!("{kind} where a stream of events was asked for")),
            }));
        }

        let mut parser = Events::default();
        let mut reply = Reply::default();
        let mut data = Vec::new();
        let mut taken = 0;
        while !reply.finished() {
            let piece = deadline
                .bound(response.chunk())
                .await
                .map_err(&failed)?
                .map_err(|error| failed(broken(&error)))?;
            let ended = piece.is_none();
            match piece {
                Some(bytes) => {
                    taken += bytes.len();
                    if taken > REPLY_LIMIT {
                        return Err(failed(Problem::Malformed("a reply beyond 8 MiB".into())));
                    }
                    parser.push(&bytes, &mut data).map_err(&failed)?;
                }
                None => {
                    // What is left without its blank line counts if it is whole.
                    let rest = std::mem::take(&mut parser).finish();
                    data.extend(rest.filter(|rest| {
                        let json = serde_json::from_str::<serde::de::IgnoredAny>(rest).is_ok();
                        json || rest.trim() == "[DONE]"
                    }));
                }
            }
            let mut progress = false;
            for data in data.drain(..) {
                let step = reply.push(&data).map_err(&failed)?;
                progress |= step.progress;
                for event in step.events {
                    if events.send(event).await.is_err() {
                        return Ok(());
                    }
                }
            }
            if ended && !reply.finished() {
                return Err(failed(Problem::Cut("it ended before the reply did".into())));
            }
            if progress {
                deadline = Deadline::within(request.next_token_within, "next token");
            }
        }

        let drain = Deadline::within(DRAIN_WITHIN, "end of the stream");
        while let Ok(Ok(Some(_))) = drain.bound(response.chunk()).await {}
        Ok(())
    }

    fn chat(&self, request: &LlmRequest) -> RequestBuilder {
        let settings = &self.settings;
        let model = request.model.as_ref().unwrap_or(&settings.model);
        let mut body = json!({
            "model": model,
            "messages": history::messages(request),
            "stream": true,
        });
        // The vendor's newer models refuse `max_tokens`; compatible servers may know nothing else.
        let newer = is_reasoning(model);
        let limit = match newer || self.address.host() == PUBLIC_HOST {
            true => "max_completion_tokens",
            false => "max_tokens",
        };
        body[limit] = request.max_tokens.unwrap_or(MAX_TOKENS).into();
        if !request.tools.is_empty() {
            body["tools"] = history::tools(&request.tools).into();
        }
        let asked = request.temperature.filter(|_| !newer);
        if let Some(temperature) = asked.or(settings.temperature) {
            body["temperature"] = temperature.into();
        }
        match &settings.reasoning_effort {
            Some(effort) => body["reasoning_effort"] = effort.as_str().into(),
            None if newer => body["reasoning_effort"] = "none".into(),
            None => {}
        }
        self.post("/chat/completions").header(ACCEPT, "text/event-stream").json(&body)
    }
}

/// Is this one of the vendor's models that would think before they speak, and can be told not to?
fn is_reasoning(model: &str) -> bool {
    let model = model.rsplit('/').next().unwrap_or(model);
    model.starts_with("gpt-5.") || model.starts_with("gpt-6")
}

/// A stream's error: the head has arrived, so the vendor was reachable.
fn broken(error: &reqwest::Error) -> Problem {
    match problem_of(error) {
        Problem::Unreachable(cause) => Problem::Cut(cause),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn body(base_url: &str, model: &str) -> Value {
        body_of(base_url, model, None, None)
    }

    fn body_of(
        base_url: &str,
        model: &str,
        asked: Option<&str>,
        temperature: Option<f32>,
    ) -> Value {
        let mut settings = Settings::chat(SecretString::from("k"));
        settings.base_url = base_url.into();
        settings.model = model.into();
        let request = LlmRequest {
            instructions: String::new(),
            history: Vec::new(),
            tools: Vec::new(),
            max_tokens: None,
            model: asked.map(str::to_owned),
            temperature,
            stand_in: None,
            first_token_within: Duration::from_secs(1),
            next_token_within: Duration::from_secs(1),
        };
        let request = Core::new(settings).unwrap().chat(&request).build().unwrap();
        serde_json::from_slice(request.body().unwrap().as_bytes().unwrap()).unwrap()
    }

    #[test]
    fn a_request_may_name_its_model_and_temperature() {
        let asked = body_of("http://localhost:8080/v1", "qwen3", Some("llama-4"), Some(0.5));
        assert_eq!((&asked["model"], &asked["temperature"]), (&json!("llama-4"), &json!(0.5)));
        let reasoning = body_of(super::super::PUBLIC_URL, "gpt-4.1", Some("gpt-5.2"), Some(0.5));
        assert_eq!(reasoning.get("temperature"), None, "it would be refused");
        assert_eq!(reasoning["reasoning_effort"], "none");
    }

    #[test]
    fn the_limit_is_spelled_as_the_server_knows_it() {
        let ours = body(super::super::PUBLIC_URL, super::super::CHAT_MODEL);
        assert_eq!(ours["max_completion_tokens"], 300);
        assert_eq!(ours["reasoning_effort"], "none");
        let compatible = body("http://localhost:8080/v1", "qwen3");
        assert_eq!(compatible["max_tokens"], 300);
        assert_eq!(compatible.get("reasoning_effort"), None);
        assert_eq!(compatible.get("tools"), None);
    }
}
