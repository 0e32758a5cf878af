/* What report_html.c puts into every page. */
#ifndef CB_PLOTS_PAGE_H
#define CB_PLOTS_PAGE_H

/* The style sheet, without its element. */
extern const char cb_page_style[];

#endif
