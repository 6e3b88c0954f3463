"""The page of `affinity_seg serve`: drop a picture, see its instances, choose how they are merged.

The networks run once for each picture. Their logits stay in memory, and each change of a threshold
only merges them again. `served_picture` holds one picture, `store` all of them by their tokens,
`application` answers requests, and `server` is the HTTP server. The page itself is the files of
`static`; `page.js` there starts the others.
"""
