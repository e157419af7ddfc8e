//! Buckets. Who may reach one, how it is encrypted and when objects expire has no counterpart here.

use super::TemplateError;
use super::node::Node;

/// Reads the bucket's name.
pub(super) fn read(name: &str, properties: &Node<'_>) -> Result<String, TemplateError> {
    properties.only(&[
        "BucketEncryption",
        "LifecycleConfiguration",
        "OwnershipControls",
        "PublicAccessBlockConfiguration",
    ])?;
    properties.physical_name(name)
}
