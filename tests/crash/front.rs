//! What stands before the processes, as a load balancer does: it takes connections for whichever runs, and
//! holds new ones while none does.

use std::sync::{Mutex, PoisonError};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

/// How the carrier's media sockets begin.
const STREAM: &[u8] = b"GET /media";

pub struct Front {
    pub url: String,
    backend: watch::Sender<Option<Backend>>,
    running: Mutex<CancellationToken>,
}

#[derive(Clone)]
struct Backend {
    port: u16,
    /// Cancelled when it is taken out of service.
    stop: CancellationToken,
}

impl Front {
    /// Nothing is behind it yet.
    pub async fn open() -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (backend, running) = watch::channel(None);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, running.clone()));
            }
        });
        Front { url, backend, running: Mutex::default() }
    }

    /// From now on connections go to this port.
    pub fn leads_to(&self, port: u16) {
        let stop = CancellationToken::new();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        self.backend.send_replace(Some(Backend { port, stop }));
    }

    /// New connections wait, and those that clients keep for later requests are closed: one that is found
    /// broken when it is used again is no question that the next process could answer.
    pub fn leads_nowhere(&self) {
        self.backend.send_replace(None);
        self.running.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }
}

async fn carry(mut client: TcpStream, mut running: watch::Receiver<Option<Backend>>) {
    let Ok(backend) = running.wait_for(Option::is_some).await.map(|backend| backend.clone()) else {
        return;
    };
    let Some(Backend { port, stop }) = backend else { return };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let mut first = [0; STREAM.len()];
    let is_stream = matches!(client.peek(&mut first).await, Ok(read) if first[..read] == *STREAM);
    tokio::select! {
        // However it ends, the client sees it.
        _ = copy_bidirectional(&mut client, &mut server) => {}
        () = stop.cancelled(), if !is_stream => {}
    }
}
