//! Pages of one file: their style and their script are in them, and nothing comes from elsewhere.

use std::sync::OnceLock;

use axum::{
    http::header,
    response::{Html, IntoResponse, Response},
};

/// A page with one `<style>` and one `<script>`.
pub(super) struct OwnPage {
    html: &'static str,
    policy: OnceLock<String>,
}

impl OwnPage {
    /// This page.
    pub(super) const fn new(html: &'static str) -> Self {
        OwnPage { html, policy: OnceLock::new() }
    }

    /// The page, which runs no script and no style but its own, talks to this server alone, and is left
    /// without telling where from.
    pub(super) fn answer(&'static self) -> Response {
        let policy = self.policy.get_or_init(|| {
            format!(
                "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; \
                 connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'",
                self.hash("script"),
                self.hash("style")
            )
        });
        let headers = [
            (header::CONTENT_SECURITY_POLICY, policy.as_str()),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        (headers, Html(self.html)).into_response()
    }

    /// The hash of what is inside this element.
    fn hash(&self, tag: &str) -> String {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let inner = self.html.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
        let inner = inner.map_or("", |(inner, _)| inner);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, inner.as_bytes());
        base64_simd::STANDARD.encode_to_string(digest)
    }
}
