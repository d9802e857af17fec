//! Webhooks as the carrier's own library signs them, and TwiML as it writes it.

use std::time::Duration;

use serde_json::Value;
use tokio::{process::Command, time::timeout};

use super::line::{AUTH_TOKEN, Setup};
use crate::clients::installed;

/// Nothing here takes so long.
const WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn what_the_carriers_own_library_signs_is_believed_and_nothing_else() {
    let Some(folder) = installed().await else { return };
    let line = Setup::default().start().await;
    let node = Command::new("node")
        .args(["webhooks.mjs", &line.url, AUTH_TOKEN])
        .current_dir(folder)
        .kill_on_drop(true)
        .output();
    let output = timeout(WITHIN, node).await.expect("node ends").expect("node runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let told: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |name: &str| {
        told.iter().find(|told| told["name"] == name).unwrap_or_else(|| panic!("{name}: {printed}"))
    };
    let answered = of("answer");
    assert_eq!(answered["status"], 200, "{answered}");
    assert_eq!(answered["type"], "text/xml");
    assert_eq!(of("expected")["drawn"], 32, "{answered}");
    assert_eq!(answered["body"], of("expected")["body"]);
    for stranger in ["of another account", "with a changed field", "at another address"] {
        assert_eq!(of(stranger)["status"], 403, "{stranger}");
    }
    assert_eq!(of("not signed")["status"], 400);
    assert_eq!(of("an empty signature")["status"], 400);
    assert_eq!(of("status")["status"], 200);
    assert_eq!(of("status, again")["status"], 200);
    line.stop().await;
}
