"""A hook of mkdocs: links to files outside docs/, which GitHub follows, become text on the site."""

import os
import re

from mkdocs.exceptions import PluginError

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)#\s]+)(?:#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page, config, **unused) -> str:
    """Returns the page with the path of each such file in place of the link.

    Args:
      markdown: The page as it is written.
      page: The page, of mkdocs.
      config: What mkdocs.yml says.

    Raises:
      PluginError: There is no such file; the build ends.
    """
    root = os.path.dirname(config.docs_dir)

    def as_text(link: re.Match) -> str:
        name, path = link.groups()
        if not os.path.exists(os.path.join(root, path)):
            raise PluginError(f"{page.file.src_path}: the link leads nowhere: ../{path}")
        return f"`{path}`" if name == os.path.basename(path) else f"{name} (`{path}`)"

    return _OUTSIDE.sub(as_text, markdown)
