//! Functions of the business that the model calls: over HTTP, bounded in time and size.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinSet};
use turn::{Epoch, ReplyId, ToolCall};

use crate::domain::business::WebhookTool;

/// An answer longer than this is cut: the model pays for every word.
const LONGEST_ANSWER: usize = 16 * 1024;
/// Time allowed for one call; the machine gives up a little later.
const WITHIN: Duration = Duration::from_secs(9);

/// A tool's answer, with the reply that it is for.
#[derive(Debug)]
pub struct Answer {
    pub epoch: Epoch,
    pub reply: ReplyId,
    pub call_id: String,
    pub content: String,
}

/// The tools of one call.
pub struct Tools {
    known: Arc<[WebhookTool]>,
    client: reqwest::Client,
    call_sid: String,
    running: JoinSet<()>,
    sender: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
}

impl Tools {
    pub fn new(known: Arc<[WebhookTool]>, client: reqwest::Client, call_sid: String) -> Self {
        let (sender, answers) = mpsc::channel(16);
        Tools { known, client, call_sid, running: JoinSet::new(), sender, answers }
    }

    /// Runs a tool; its answer comes from [`Tools::next`].
    pub fn run(&mut self, epoch: Epoch, reply: ReplyId, call: ToolCall) {
        let tool = self.known.iter().find(|tool| tool.name == call.name).cloned();
        let (client, sender, call_sid) =
            (self.client.clone(), self.sender.clone(), self.call_sid.clone());
        self.running.spawn(async move {
            let content = match tool {
                None => format!("Failed: there is no function {:?}.", call.name),
                Some(tool) => {
                    match tokio::time::timeout(WITHIN, post(&client, &tool, &call, &call_sid)).await
                    {
                        Ok(Ok(content)) => content,
                        Ok(Err(error)) => {
                            tracing::warn!(tool = tool.name, %error, "a tool failed");
                            metrics::counter!("tandem_tool_failures_total").increment(1);
                            format!("Failed: {error}.")
                        }
                        Err(_) => "Failed: no answer in time.".to_owned(),
                    }
                }
            };
            let _ = sender.send(Answer { epoch, reply, call_id: call.id, content }).await;
        });
    }

    /// The next answer.
    pub async fn next(&mut self) -> Answer {
        loop {
            tokio::select! {
                Some(answer) = self.answers.recv() => return answer,
                Some(_) = self.running.join_next() => {}
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

async fn post(
    client: &reqwest::Client,
    tool: &WebhookTool,
    call: &ToolCall,
    call_sid: &str,
) -> Result<String, String> {
    let mut response = client
        .post(&tool.url)
        // One call of the model is one effect: a receiver can drop what it has seen.
        .header("Idempotency-Key", format!("{call_sid}:{}", call.id))
        .header("X-Tandem-Call", call_sid)
        .json(&call.arguments)
        .send()
        .await
        .map_err(|error| error.without_url().to_string())?;
    let status = response.status();
    let mut body = Vec::new();
    while body.len() < LONGEST_ANSWER
        && let Some(piece) =
            response.chunk().await.map_err(|error| error.without_url().to_string())?
    {
        body.extend_from_slice(&piece[..piece.len().min(LONGEST_ANSWER - body.len())]);
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() { Ok(text) } else { Err(format!("HTTP {}", status.as_u16())) }
}
