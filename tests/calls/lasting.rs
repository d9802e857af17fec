//! What must not grow with the number of calls.

use futures_util::{SinkExt, StreamExt, stream};
use media::stream::carrier::Messages;
use secrecy::SecretString;
use tandem::live::registry::Expected;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use twiml::Signer;

use super::line::{AUTH_TOKEN, Line, PATIENCE, Setup};

/// One short call: connected, greeted, hung up.
async fn short_call(line: &Line, number: usize) {
    let call_sid = format!("CA{number:032x}");
    let expected = Expected {
        call_sid: call_sid.clone(),
        lead_id: None,
        call_id: None,
        resumed: false,
        outbound: false,
        listens: false,
        origin: None,
        back: None,
    };
    let token = line.gateway.desk.registry.expect(expected);
    let url = line.gateway.media_url();
    let mut request = url.into_client_request().unwrap();
    let signature = Signer::new(&SecretString::from(AUTH_TOKEN)).sign_upgrade(url);
    request.headers_mut().insert("X-Twilio-Signature", signature.parse().unwrap());
    let (mut socket, _) = connect_async(request).await.expect("the upgrade is accepted");
    let mut carrier = Messages::new("AC1", &call_sid, &format!("MZ{number:032x}"));
    let mut send = vec![carrier.connected(), carrier.start([("token", token.as_str())])];
    send.extend((0..10).map(|frame| carrier.media(&[0xFF; 160], frame * 20)));
    for message in send {
        socket.send(Message::text(message)).await.unwrap();
    }
    // The greeting begins.
    while let Some(Ok(message)) = socket.next().await {
        if message.to_text().is_ok_and(|text| text.contains("\"media\"")) {
            break;
        }
    }
    let _ = socket.send(Message::text(carrier.stop())).await;
    while let Some(Ok(_)) = socket.next().await {}
}

/// Resident memory of this process, kB.
fn memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it tells");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("it is a number")
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("this is Linux").count()
}

/// Alone in its process, since it counts what the whole process holds: `cargo test` runs this binary's
/// tests side by side, so it runs itself again with only this test.
#[test]
fn a_thousand_short_calls_leave_nothing_behind() {
    const ALONE: &str = "TANDEM_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let this = std::env::current_exe().expect("a test has a binary");
        let output = std::process::Command::new(this)
            .args([
                "--exact",
                "lasting::a_thousand_short_calls_leave_nothing_behind",
                "--nocapture",
            ])
            .env(ALONE, "1")
            .output()
            .expect("the binary runs");
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let line = Setup {
            env: vec![("TANDEM_RECORD", "true".into())],
            ..Setup::default()
        }
        .start()
        .await;
        let calls = |from: usize, to: usize| {
            let line = &line;
            stream::iter(from..to).for_each_concurrent(20, move |number| short_call(line, number))
        };
        calls(0, 200).await;
        settle(&line).await;
        let (memory, files) = (memory_kb(), open_files());
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        calls(200, 1_200).await;
        settle(&line).await;
        assert_eq!(line.gateway.desk.registry.count(), 0);
        let grown = memory_kb().saturating_sub(memory);
        let files_now = open_files();
        let tasks_now = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        println!("after 1000 calls: memory +{grown} kB, files {files} -> {files_now}, tasks {tasks} -> {tasks_now}");
        // The played vendors keep each request they saw: some kB a call.
        assert!(grown < 24 * 1024, "memory grew by {grown} kB");
        assert!(files_now <= files + 8, "open files grew from {files} to {files_now}");
        assert!(tasks_now <= tasks + 8, "tasks grew from {tasks} to {tasks_now}");
        line.stop().await;
    });
}

/// Until no session and no vendor's connection is left.
async fn settle(line: &Line) {
    line.until_idle().await;
    assert!(line.deepgram.host.until_quiet(PATIENCE).await);
}
