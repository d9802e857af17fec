//! Is this request the carrier's?

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use twiml::{Form, FormError, SignatureError};

use crate::gateway::Gateway;

/// A signed form, whole.
pub struct SignedForm(pub Form);

/// Why a request of the carrier's was refused. Answered in plain words: only a person reads them.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the body is not the form that a webhook sends: {0}")]
    Form(#[from] FormError),
    #[error("the body is too large or broke off")]
    Body,
    #[error("only application/x-www-form-urlencoded is understood here")]
    ContentType,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self {
            Refused::Signature(SignatureError::Missing) | Refused::Form(_) => {
                StatusCode::BAD_REQUEST
            }
            Refused::Signature(_) => StatusCode::FORBIDDEN,
            Refused::Body => StatusCode::PAYLOAD_TOO_LARGE,
            Refused::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        };
        metrics::counter!("tandem_webhooks_refused_total").increment(1);
        tracing::warn!(reason = %self, "a webhook was refused");
        (status, self.to_string()).into_response()
    }
}

impl FromRequest<Arc<Gateway>> for SignedForm {
    type Rejection = Refused;

    async fn from_request(
        request: Request,
        gateway: &Arc<Gateway>,
    ) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let is_form = parts
            .headers
            .get(axum::http::header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| {
                let kind = kind.split(';').next().unwrap_or("").trim();
                kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        let url = public_url(gateway, &parts.uri);
        let header = signature(&parts.headers).map(str::to_owned);
        let request = Request::from_parts(parts, body);
        let bytes = Bytes::from_request(request, gateway).await.map_err(|_| Refused::Body)?;
        if !is_form && !bytes.is_empty() {
            return Err(Refused::ContentType);
        }
        let form = Form::parse(&bytes)?;
        gateway.validator.validate_form(&url, &form, header.as_deref())?;
        Ok(SignedForm(form))
    }
}

/// Refuses a socket's upgrade that is not signed.
pub fn check_upgrade(gateway: &Gateway, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
    let url = public_url(gateway, uri).replacen("http", "ws", 1);
    Ok(gateway.validator.validate_upgrade(&url, signature(headers))?)
}

fn signature(headers: &HeaderMap) -> Option<&str> {
    headers.get(twiml::signature::HEADER).and_then(|value| value.to_str().ok())
}

/// The address as the carrier knows it: from the configured public one, never from `Host`.
fn public_url(gateway: &Gateway, uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("{}{path}", gateway.public_url())
}
