"""Repository rule that takes one of Bazel's own repositories from a Debian package."""

def _debian_repository_impl(repository_ctx):
    source = repository_ctx.path(repository_ctx.attr.path)
    if not source.exists:
        fail("{} not found: `apt-get install {}`, or remove @{} from WORKSPACE to let Bazel download it".format(
            source,
            repository_ctx.attr.package,
            repository_ctx.name,
        ))
    for entry in source.readdir():
        repository_ctx.symlink(entry, entry.basename)

debian_repository = repository_rule(
    implementation = _debian_repository_impl,
    attrs = {
        "package": attr.string(mandatory = True, doc = "The Debian package to install."),
        "path": attr.string(mandatory = True, doc = "The folder it installs."),
    },
    local = True,
)
