//! Traces over OTLP/HTTP, where `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector: a span per call, per
//! turn, and per request to a vendor.
//!
//! Spans are made when they are over, from the times that the session knows, so nothing is held open
//! and nothing is done per frame. What was said is in none of them. They are queued, and dropped when
//! the collector is too slow. OpenTelemetry's own variables (headers, service name, batches, sampling)
//! are honoured.

/// What is known of a span besides its times.
pub type Attributes = Vec<(&'static str, Known)>;

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    Text(String),
    Number(i64),
    Flag(bool),
}

/// What a span was, for those who look for failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
}

/// Why traces are not exported.
#[derive(Debug, thiserror::Error)]
pub enum NotExported {
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but this build has no OpenTelemetry: it needs the feature otel"
    )]
    NotBuilt,
    #[error("traces cannot be exported: {0}")]
    Exporter(String),
}

pub use home::{CallSpan, Exporting, SpanRef};

/// Starts exporting to the collector that the environment names, if it names one.
///
/// # Errors
/// [`NotExported`].
pub fn start() -> Result<Option<Exporting>, NotExported> {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    let named = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    if !named.into_iter().any(set) {
        return Ok(None);
    }
    Exporting::start(None).map(Some)
}

#[cfg(feature = "otel")]
mod home {
    use std::{
        sync::OnceLock,
        time::{Duration, SystemTime},
    };

    use opentelemetry::{
        Context, KeyValue,
        trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
    };
    use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
    use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
    use opentelemetry_sdk::{
        Resource,
        trace::{SdkTracer, SdkTracerProvider},
    };

    use super::{Attributes, Known, NotExported, Outcome};

    /// One export may take so long.
    const EXPORT_WITHIN: Duration = Duration::from_secs(10);

    static TRACER: OnceLock<SdkTracer> = OnceLock::new();

    /// Exporting, until it is stopped.
    #[derive(Debug)]
    pub struct Exporting {
        provider: SdkTracerProvider,
    }

    impl Exporting {
        /// Starts it; inside a runtime. `endpoint`: other than the environment's, complete.
        ///
        /// # Errors
        /// The address is none.
        pub fn start(endpoint: Option<&str>) -> Result<Self, NotExported> {
            let bad = |error: &dyn std::error::Error| NotExported::Exporter(error.to_string());
            let http = reqwest::Client::builder().timeout(EXPORT_WITHIN).build();
            let runtime = tokio::runtime::Handle::current();
            let client = OnRuntime { http: http.map_err(|error| bad(&error))?, runtime };
            let mut exporter = SpanExporter::builder()
                .with_http()
                .with_http_client(client)
                .with_protocol(Protocol::HttpBinary);
            if let Some(endpoint) = endpoint {
                exporter = exporter.with_endpoint(endpoint);
            }
            let exporter = exporter.build().map_err(|error| bad(&error))?;
            let mut resource = Resource::builder();
            if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
                resource = resource.with_service_name("tandem");
            }
            let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
            let provider = SdkTracerProvider::builder()
                .with_resource(resource.with_attribute(version).build())
                .with_batch_exporter(exporter)
                .build();
            // A second one in a process, as in tests, has no calls.
            let _ = TRACER.set(provider.tracer("tandem"));
            Ok(Exporting { provider })
        }

        /// Sends what waits.
        pub async fn flush(&self) {
            let provider = self.provider.clone();
            let _ = tokio::task::spawn_blocking(move || provider.force_flush()).await;
        }

        /// Sends what waits, and ends.
        pub async fn stop(self) {
            let _ = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        }
    }

    /// The exporter's thread has no runtime; requests are made on ours.
    #[derive(Debug)]
    struct OnRuntime {
        http: reqwest::Client,
        runtime: tokio::runtime::Handle,
    }

    #[async_trait::async_trait]
    impl HttpClient for OnRuntime {
        async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
            let (parts, body) = request.into_parts();
            let request = self.http.request(parts.method, parts.uri.to_string());
            let request = request.headers(parts.headers).body(body);
            let sent = self.runtime.spawn(async move {
                let response = request.send().await?;
                let status = response.status();
                Ok::<_, reqwest::Error>((status, response.bytes().await?))
            });
            let (status, body) = sent.await??;
            Ok(Response::builder().status(status).body(body)?)
        }
    }

    /// A span that others are inside of.
    #[derive(Clone, Debug)]
    pub struct SpanRef(Context);

    /// A running call's span.
    #[derive(Debug)]
    pub struct CallSpan {
        tracer: &'static SdkTracer,
        began: SystemTime,
        whole: Context,
    }

    impl CallSpan {
        /// Of a call that begins now; none where traces are off.
        pub fn begin(attributes: Attributes) -> Option<Self> {
            let (tracer, began) = (TRACER.get()?, SystemTime::now());
            let span = tracer
                .span_builder("call")
                .with_kind(SpanKind::Server)
                .with_start_time(began)
                .with_attributes(key_values(attributes))
                .start_with_context(tracer, &Context::new());
            Some(CallSpan { tracer, began, whole: Context::new().with_span(span) })
        }

        /// A part of the call that is over, from and to so many ms of the call.
        pub fn part(
            &self,
            name: &'static str,
            (from, to): (u64, u64),
            inside: Option<&SpanRef>,
            outcome: Outcome,
            attributes: Attributes,
        ) -> SpanRef {
            let at = |ms: u64| self.began + Duration::from_millis(ms);
            let kind = if name == "turn" { SpanKind::Internal } else { SpanKind::Client };
            let span = self
                .tracer
                .span_builder(name)
                .with_kind(kind)
                .with_start_time(at(from))
                .with_attributes(key_values(attributes))
                .start_with_context(self.tracer, inside.map_or(&self.whole, |inside| &inside.0));
            let part = Context::new().with_span(span);
            if outcome == Outcome::Failed {
                part.span().set_status(Status::error(""));
            }
            part.span().end_with_timestamp(at(to.max(from)));
            SpanRef(part)
        }

        /// The call is over.
        pub fn end(self, at: u64, attributes: Attributes) {
            self.whole.span().set_attributes(key_values(attributes));
            self.whole.span().end_with_timestamp(self.began + Duration::from_millis(at));
        }
    }

    fn key_values(attributes: Attributes) -> Vec<KeyValue> {
        let one = |(name, known)| match known {
            Known::Text(text) => KeyValue::new(name, text),
            Known::Number(number) => KeyValue::new(name, number),
            Known::Flag(flag) => KeyValue::new(name, flag),
        };
        attributes.into_iter().map(one).collect()
    }
}

#[cfg(not(feature = "otel"))]
mod home {
    use super::{Attributes, NotExported, Outcome};

    /// Not in this build.
    #[derive(Debug)]
    pub enum Exporting {}

    /// Not in this build.
    #[derive(Clone, Debug)]
    pub struct SpanRef;

    /// Not in this build.
    #[derive(Debug)]
    pub enum CallSpan {}

    impl Exporting {
        /// Not in this build.
        ///
        /// # Errors
        /// Always.
        pub fn start(_endpoint: Option<&str>) -> Result<Self, NotExported> {
            Err(NotExported::NotBuilt)
        }

        /// Not in this build.
        pub async fn flush(&self) {
            match *self {}
        }

        /// Not in this build.
        pub async fn stop(self) {
            match self {}
        }
    }

    impl CallSpan {
        /// None: traces are off.
        pub fn begin(_attributes: Attributes) -> Option<Self> {
            None
        }

        /// Not in this build.
        pub fn part(
            &self,
            _name: &'static str,
            _times: (u64, u64),
            _inside: Option<&SpanRef>,
            _outcome: Outcome,
            _attributes: Attributes,
        ) -> SpanRef {
            match *self {}
        }

        /// Not in this build.
        pub fn end(self, _at: u64, _attributes: Attributes) {
            match self {}
        }
    }
}
