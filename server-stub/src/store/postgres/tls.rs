//! TLS to the database: where its address asks for it (`?sslmode=require`), the connection is encrypted, and the database has
//! to prove by a certificate that it is the host of the address.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::StoreError;

/// Trusts whom the machine trusts, or those in the file that the environment's `SSL_CERT_FILE` names.
///
/// # Errors
/// Nobody is trusted.
pub fn connector() -> Result<MakeRustlsConnect, StoreError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (trusted, _) = roots.add_parsable_certificates(found.certs);
    if trusted == 0 {
        let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(StoreError::Failed(format!("TLS: no certificate to trust was found; {}", why.join("; "))));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Failed(format!("TLS: {error}")))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}
