//! `clockfold key new`: a secret, its digest, and the lines that use it.

use std::io::Write;

use crate::access::{digest_of, fresh_secret};

/// Makes a secret and prints it. It is kept nowhere.
pub(super) fn new(stdout: &mut dyn Write) -> anyhow::Result<()> {
    let secret = fresh_secret()?;
    let digest = digest_of(secret.as_bytes());
    write!(
        stdout,
        "secret  {secret}\n\
         digest  {digest}\n\
         \n\
         The secret is for the sender or the reader and is printed only now. The digest is for the configuration.\n\
         \n\
         For a sender that has it in the URL, in its [[source]]:\n\
         \x20   route_keys = [\"{digest}\"]\n\
         and the URL is https://YOUR-HOST/webhook/{secret}\n\
         \n\
         For a sender that has it in the header `Authtoken: {secret}`, in its [[source]]:\n\
         \x20   authtokens = [\"{digest}\"]\n\
         and the URL is https://YOUR-HOST/webhook\n\
         \n\
         For a reader that has it in the header `Authorization: Bearer {secret}`, in its [[reader]]:\n\
         \x20   token = \"{digest}\"\n"
    )?;
    Ok(())
}
