"""Who is who by the face itself: 128 numbers for a face, and which of many such faces are one person's.

Here: MobileFaceNet and the crops that it reads, how a head is turned, and the clustering of people. Not here: finding
and following faces (`emotionscope.video`), and the people of an archive with their names (`emotionscope.identities`).

What it makes is biometric data. Within a film it lives in memory; it is written only where a user asks for it.
"""
