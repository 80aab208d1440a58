//! Sources.

use super::entry::{CodeEntry, ERROR, WARNING, WARNING_OR_ERROR};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "api-server-certificate",
        level: ERROR,
        sentence: "The certificate of the API server is not accepted, and everything stays as it is.",
        cause: "It is of another certificate authority, has expired, or is for another name.",
        remedy: "Give egressd the certificate authority of the server, in the kubeconfig or the service account.",
    },
    CodeEntry {
        code: "api-server-error",
        level: ERROR,
        sentence: "The API server answers a list or watch with an error, and everything stays as it is.",
        cause: "The message has the status and the answer of the server.",
        remedy: "Correct the cause on the server. egressd tries again by itself.",
    },
    CodeEntry {
        code: "api-server-forbids",
        level: WARNING_OR_ERROR,
        sentence: "egressd may not list or watch objects of a kind.",
        cause: "RBAC does not allow it. It is a warning for EgressNodes, and for objects of load balancers \
                that were read before the permission was withdrawn. It is an error for all else, Pods among them: \
                without them EndpointSlices are not checked.",
        remedy: "Add the permission to the role that the message names.",
    },
    CodeEntry {
        code: "api-server-unauthorized",
        level: ERROR,
        sentence: "The API server does not accept the credentials of egressd (401), and everything stays as it is.",
        cause: "The token has expired, or its service account was deleted.",
        remedy: "Give egressd the token of a service account that exists, or another kubeconfig.",
    },
    CodeEntry {
        code: "api-server-unreachable",
        level: WARNING,
        sentence: "The API server does not answer, and everything stays as it is.",
        cause: "There is no connection, it was lost, or an answer took too long; the message has the cause and the \
                time.",
        remedy: "Make the server reachable from this node, or correct the kubeconfig. egressd tries again by itself.",
    },
    CodeEntry {
        code: "api-server-unreadable",
        level: ERROR,
        sentence: "The answer of the API server cannot be read, and everything stays as it is.",
        cause: "A proxy answered in place of the server, or the server has another version of the kind.",
        remedy: "See the cause in the message; check the address of the server.",
    },
    CodeEntry {
        code: "field-unreadable",
        level: WARNING,
        sentence: "A field of an object cannot be read and is left out.",
        cause: "For example, it is not an address or network. The rest of the object is used; what was \
                known to be inside the cluster stays so.",
        remedy: "Correct the field that the message names.",
    },
    CodeEntry {
        code: "manifest-refused",
        level: ERROR,
        sentence: "A manifest, or an object or field in it, is not used.",
        cause: "The file is not YAML or JSON, is too long or not a regular file, or the object has a field that cannot \
                be read; the message names file, object and field.",
        remedy: "Correct what the message names. The last good state of the object stays in force until then.",
    },
    CodeEntry {
        code: "manifests-missing",
        level: ERROR,
        sentence: "There is no manifest where an earlier egressd knew some; what they had stays in force.",
        cause: "All manifests were removed while egressd did not run, or the directory is not mounted yet.",
        remedy: "Restore the manifests. To remove everything, write a file with an empty list there (`{apiVersion: \
                 v1, kind: List, items: []}`).",
    },
    CodeEntry {
        code: "manifests-not-watched",
        level: WARNING,
        sentence: "Changes of some manifests are seen late, every few seconds.",
        cause: "Links lead through more directories than are watched, or the kernel has no more watches.",
        remedy: "Put the files into fewer directories, or raise `fs.inotify.max_user_watches`.",
    },
    CodeEntry {
        code: "manifests-unreachable",
        level: ERROR,
        sentence: "The manifests cannot be read, and everything that they had stays as it is.",
        cause: "The directory or file was removed, cannot be read, or another directory without files is in its \
                place, as where a disk is not mounted.",
        remedy: "Restore it. To remove everything, write a file with an empty list there (`{apiVersion: v1, kind: \
                 List, items: []}`).",
    },
    CodeEntry {
        code: "object-duplicate",
        level: ERROR,
        sentence: "An object is in two manifests, or two Services have one `metadata.uid`; the first one is used.",
        cause: "A file was copied, or a uid was.",
        remedy: "Remove one of the two, or give the Service a uid of its own or none.",
    },
    CodeEntry {
        code: "object-unreadable",
        level: ERROR,
        sentence: "An object of the API server cannot be read; its last good state stays.",
        cause: "A field has another type than it should; the message names it.",
        remedy: "Correct the field.",
    },
];
